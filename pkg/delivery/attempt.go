package delivery

import "time"

// AttemptError is the error of a Sink that knows what became of its attempt.
// Errors of the Kubernetes API and of net need no AttemptError.
type AttemptError struct {
	Reason Reason
	// MayHaveWritten says that the destination may have taken the build although
	// the attempt failed: the request was sent and there was no clear answer.
	MayHaveWritten bool
	// RetryAfter is how long the destination asks to be left alone, 0 where it
	// does not.
	RetryAfter time.Duration
	Err        error
}

func (e *AttemptError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *AttemptError) Unwrap() error { return e.Err }
