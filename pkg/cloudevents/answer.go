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

// outcome returns the outcome of an answer. 2xx is success; 408, 429 and 5xx are
// retried; with any other the message is refused.
func outcome(r *http.Response, now time.Time) (delivery.Outcome, error) {
	excerpt := readBody(r.Body)
	if r.StatusCode/100 == 2 {
		return delivery.Sent, nil
	}
	err := fmt.Errorf("the receiver answered %d %s%s", r.StatusCode, http.StatusText(r.StatusCode), excerpt)
	failed := &delivery.AttemptError{Err: err, RetryAfter: retryAfter(r.Header.Get("Retry-After"), now)}
	switch {
	case r.StatusCode == http.StatusRequestTimeout:
		failed.Reason, failed.MayHaveWritten = delivery.Timeout, true
	case r.StatusCode == http.StatusTooManyRequests:
		failed.Reason = delivery.Throttled
	case r.StatusCode >= http.StatusInternalServerError:
		failed.Reason, failed.MayHaveWritten = delivery.ServerError, true
	case r.StatusCode/100 == 3:
		return "", delivery.Refuse(fmt.Errorf("%w; redirects are not followed, set url to where it leads", err))
	default:
		return "", delivery.Refuse(err)
	}
	return "", failed
}

// readBody reads an answer to its end or to maxBody, and returns its beginning for an
// error: ": text".
func readBody(body io.Reader) string {
	head, err := io.ReadAll(io.LimitReader(body, maxExcerpt))
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(body, maxBody)) // what is left is of no interest
	}
	said := printable.Text(strings.Join(strings.Fields(string(head)), " "))
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
