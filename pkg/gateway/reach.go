package gateway

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Reach knows whether the API server answers. It listens to every request the
// process makes, so it needs none of its own: the informers or the leader
// election ask again and again while there is no answer.
type Reach struct {
	// lost is when the first of the requests failed that have failed since the
	// last answer, in Unix nanoseconds, or 0.
	lost atomic.Int64
}

// Wrap returns a transport that does what next does and takes note of it. It
// fits rest.Config.Wrap.
func (r *Reach) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		switch {
		case err == nil:
			r.lost.Store(0)
		case request.Context().Err() == nil:
			r.lost.CompareAndSwap(0, time.Now().UnixNano())
		}
		return response, err
	})
}

// Lost returns for how long no request has been answered, 0 when the last one
// was.
func (r *Reach) Lost(now time.Time) time.Duration {
	if lost := r.lost.Load(); lost != 0 {
		return now.Sub(time.Unix(0, lost))
	}
	return 0
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
