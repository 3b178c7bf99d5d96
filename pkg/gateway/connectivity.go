package gateway

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Connectivity observes whether the API server answers. It observes every
// request of the process and sends none of its own: without an answer, the
// informers and leader election retry.
type Connectivity struct {
	// since is the time at which the first request after the last answer failed, in
	// Unix nanoseconds, or 0 if the last request was answered.
	since atomic.Int64
}

// Wrap returns a transport that sends requests through next and observes the
// answers. Its signature is that of rest.Config.Wrap.
func (c *Connectivity) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		switch {
		case err == nil:
			c.since.Store(0)
		case request.Context().Err() == nil:
			c.since.CompareAndSwap(0, time.Now().UnixNano())
		}
		return response, err
	})
}

// Unanswered returns how long no request has been answered, or 0 if the last
// request was.
func (c *Connectivity) Unanswered(now time.Time) time.Duration {
	if since := c.since.Load(); since != 0 {
		return now.Sub(time.Unix(0, since))
	}
	return 0
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
