package delivery

import (
	"context"
	"errors"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Reason says why a write failed. Its text is the same in logs and metrics.
type Reason string

// The reasons. All but Permanent are healed by an operator or by time.
const (
	Timeout      Reason = "timeout"
	Network      Reason = "network"
	Throttled    Reason = "throttled"
	ServerError  Reason = "server-error"
	Unauthorized Reason = "unauthorized"
	Forbidden    Reason = "forbidden"
	NotFound     Reason = "not-found"
	Conflict     Reason = "conflict"
	Other        Reason = "other"
	Permanent    Reason = "permanent"
)

// Reasons lists every Reason that is retried.
func Reasons() []Reason {
	return []Reason{Timeout, Network, Throttled, ServerError, Unauthorized, Forbidden, NotFound, Conflict, Other}
}

// reasonOf tells why a write failed with err. Permanent is only what is wrong
// with the one build itself: 400, 413 and 422. Everything else heals: every
// 403, for a quota is raised, a Role is restored and a terminating namespace
// is made anew; 404, for the namespace appears; 401, for tokens rotate; and
// whatever is unknown, for losing a build is worse than one more attempt.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, errRefused), apierrors.IsInvalid(err), apierrors.IsRequestEntityTooLargeError(err), apierrors.IsBadRequest(err):
		return Permanent
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return Timeout
	case apierrors.IsTooManyRequests(err):
		return Throttled
	case apierrors.IsUnauthorized(err):
		return Unauthorized
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
