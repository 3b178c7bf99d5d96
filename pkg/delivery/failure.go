package delivery

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Reason is why a write failed. Its text is the same in logs and metrics.
type Reason string

// The reasons. All except Permanent are healed by an operator or by time.
const (
	Timeout      Reason = "timeout"
	Network      Reason = "network"
	Throttled    Reason = "throttled"
	ServerError  Reason = "server-error"
	Unauthorized Reason = "unauthorized"
	Forbidden    Reason = "forbidden"
	Denied       Reason = "denied"
	NotFound     Reason = "not-found"
	Conflict     Reason = "conflict"
	Other        Reason = "other"
	// Credentials: a file with a CA, a certificate, a token or headers cannot be
	// used.
	Credentials Reason = "credentials"
	// BlockedAddress: the destination's name resolves to an address that it must
	// not have.
	BlockedAddress Reason = "blocked-address"
	Permanent      Reason = "permanent"
)

// Reasons lists every Reason that is retried.
func Reasons() []Reason {
	return []Reason{Timeout, Network, Throttled, ServerError, Unauthorized, Forbidden, Denied, NotFound, Conflict, Other, Credentials, BlockedAddress}
}

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

// failureOf returns the AttemptError of a Sink, or one that is computed from errors of
// the Kubernetes API and of net.
func failureOf(err error) *AttemptError {
	if failed, ok := errors.AsType[*AttemptError](err); ok {
		return failed
	}
	return &AttemptError{Err: err, Reason: reasonOf(err), MayHaveWritten: mayHaveWritten(err), RetryAfter: retryAfter(err)}
}

// reasonOf returns why a write failed with err. It is Permanent only if the API server
// rejects the Secret itself: 413, and 422 that names a field. Everything else heals:
// denials by admission with any code, because a policy or webhook may change; every
// 403, because a quota may be raised, a Role restored, or a terminating namespace
// created again; 404, because the namespace may be created; 401, because tokens
// rotate; and unknown errors, because losing a build is worse than another attempt.
func reasonOf(err error) Reason {
	switch {
	case isRefused(err), apierrors.IsRequestEntityTooLargeError(err), faultsField(err):
		return Permanent
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return Timeout
	case apierrors.IsTooManyRequests(err):
		return Throttled
	case apierrors.IsUnauthorized(err):
		return Unauthorized
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), denied(err):
		return Denied
	case apierrors.IsForbidden(err):
		return Forbidden
	case apierrors.IsNotFound(err):
		return NotFound
	case apierrors.IsConflict(err):
		return Conflict
	case apierrors.IsInternalError(err), apierrors.IsServiceUnavailable(err), apierrors.IsUnexpectedServerError(err):
		return ServerError
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return Network
	}
	return Other
}

// faultsField reports whether the API server rejects a field of the object. Admission
// policies answer 422 too, with causes that name no field
// (k8s.io/apiserver/pkg/admission/plugin/policy/validating, dispatcher.go).
func faultsField(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) || denied(err) || status.Status().Details == nil {
		return false
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Field != "" {
			return true
		}
	}
	return false
}

// denied reports whether err is a denial by admission. The texts are those of
// ValidatingAdmissionPolicies ("denied request") and of webhooks
// (k8s.io/apiserver/pkg/admission/plugin/webhook/errors, "denied the request").
func denied(err error) bool {
	return strings.Contains(err.Error(), "denied request") || strings.Contains(err.Error(), "denied the request")
}

// mayHaveWritten reports whether a write that failed with err may have succeeded: the
// answer was lost, or the server failed after it had begun.
func mayHaveWritten(err error) bool {
	if isRefused(err) || errors.Is(err, syscall.ECONNREFUSED) {
		return false
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return false // there was no connection
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code >= http.StatusInternalServerError || code == http.StatusRequestTimeout
	}
	return true
}

// retryAfter returns the server's Retry-After.
func retryAfter(err error) time.Duration {
	seconds, _ := apierrors.SuggestsClientDelay(err)
	return time.Duration(seconds) * time.Second
}
