package delivery

import "time"

// AttemptError is the error of a Sink that knows the result of its attempt. Errors of
// the Kubernetes API and of net need no AttemptError.
type AttemptError struct {
	Reason Reason
	// MayHaveWritten is whether the destination may have accepted the build although
	// the attempt failed: the request was sent and the answer was lost or unclear.
	MayHaveWritten bool
	// RetryAfter is the destination's Retry-After, or 0. More than MaxRetryAfter counts
	// as MaxRetryAfter.
	RetryAfter time.Duration
	Err        error
}

func (e *AttemptError) Error() string { return e.Err.Error() }

func (e *AttemptError) Unwrap() error { return e.Err }
