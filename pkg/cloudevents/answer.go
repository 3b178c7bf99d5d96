package cloudevents

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

const (
	// maxBody is how much of an answer is read to reuse its connection, which is closed
	// after a longer answer.
	maxBody = 64 << 10
	// maxExcerpt is how many bytes of an answer are in an error.
	maxExcerpt = 256
)

// refusal returns the error of an answer that is not 2xx. After 408, 429 and 5xx the message
// is sent again; with any other it is refused.
func refusal(r *http.Response, now time.Time, m mask) error {
	err := fmt.Errorf("the receiver answered %d %s%s", r.StatusCode, http.StatusText(r.StatusCode), excerpt(r.Body, m))
	failed := &delivery.AttemptError{Err: err, RetryAfter: retryAfter(r.Header.Get("Retry-After"), now)}
	switch {
	case r.StatusCode == http.StatusRequestTimeout:
		failed.Reason, failed.MayHaveWritten = delivery.Timeout, true
	case r.StatusCode == http.StatusTooManyRequests:
		failed.Reason = delivery.Throttled
	case r.StatusCode >= http.StatusInternalServerError:
		failed.Reason, failed.MayHaveWritten = delivery.ServerError, true
	case r.StatusCode/100 == 3:
		return delivery.Refuse(fmt.Errorf("%w; redirects are not followed, set url to where it leads", err))
	default:
		return delivery.Refuse(err)
	}
	return failed
}

// discard reads the rest of an answer, up to maxBody.
func discard(body io.Reader) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxBody)) // it is of no interest
}

// excerpt reads an answer, and returns its masked beginning for an error: ": text".
func excerpt(body io.Reader, m mask) string {
	head, err := io.ReadAll(io.LimitReader(body, int64(maxExcerpt+m.longest))) // no part of a secret is at the end of what is shown
	if err == nil {
		discard(body)
	}
	shown := m.text(string(head))
	said := printable.Text(strings.Join(strings.Fields(shown[:min(len(shown), maxExcerpt)]), " "))
	if said == "" {
		return ""
	}
	return ": " + said
}

// retryAfter returns the duration of a Retry-After header, in either of its forms (RFC
// 9110, section 10.2.3), at most delivery.MaxRetryAfter, or 0.
func retryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), delivery.MaxRetryAfter)
}
