package simulation

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// faultKind is the kind of a fault. Its text is in traces.
type faultKind string

// The kinds of faults of a request.
const (
	refused      faultKind = "connection refused"
	silent       faultKind = "requests hang"
	lost         faultKind = "answers to writes are lost"
	internal     faultKind = "500"
	unavailable  faultKind = "503"
	timedOut     faultKind = "504"
	throttled    faultKind = "429"
	unauthorized faultKind = "401"
	slow         faultKind = "answers are slow"
	frozen       faultKind = "watches are frozen"
	quota        faultKind = "403 quota exceeded"
	denied400    faultKind = "400 denied by a webhook"
	denied403    faultKind = "403 denied by a webhook"
	denied422    faultKind = "422 denied by a policy"
	noNamespace  faultKind = "404 the build namespace is missing"
)

// fault is one fault that lasts for a while.
type fault struct {
	kind  faultKind
	from  time.Time
	until time.Time
	// process is the name of the process that it affects, or empty for all.
	process string
	// resources are those that it affects, or nil for all.
	resources []string
	// share is the share of requests that it affects.
	share float64
}

// String returns the fault's text in a trace.
func (f *fault) String() string {
	text := string(f.kind)
	if len(f.resources) > 0 {
		text += " for " + strings.Join(f.resources, ", ")
	}
	if f.process != "" {
		text += " of " + f.process
	}
	if f.share < 1 {
		text += fmt.Sprintf(", %.0f %% of them", 100*f.share)
	}
	return text
}

// ofBuilds reports whether the fault is one of creating Secrets in the build
// namespace.
func (k faultKind) ofBuilds() bool {
	switch k {
	case quota, denied400, denied403, denied422, noNamespace:
		return true
	default:
		return false
	}
}

// concerns reports whether the fault affects the given requests now.
func (f *fault) concerns(process, resource string, now time.Time) bool {
	return !now.Before(f.from) && now.Before(f.until) &&
		(f.process == "" || f.process == process) &&
		(len(f.resources) == 0 || slices.Contains(f.resources, resource))
}

// stopsMessages reports whether no message is answered with success while the
// fault of a receiver lasts.
func (f *fault) stopsMessages() bool { return f.share >= 1 && f.kind != slow }

// stopsBuilds reports whether no build can be created while the fault lasts, for a
// reason that is not the build's own.
func (f *fault) stopsBuilds() bool {
	switch f.kind {
	case slow, frozen, lost:
		return false
	default:
		return f.share >= 1 && f.process == "" && (f.kind.ofBuilds() || len(f.resources) == 0 || slices.Contains(f.resources, secrets))
	}
}

// faulty returns the fault that affects the n-th of equal requests, or nil.
func (s *Server) faulty(p *process, q *request, n uint64, now time.Time) *fault {
	for _, f := range s.faults {
		if !f.concerns(p.name, q.resource, now) || share(n) >= f.share {
			continue
		}
		write := q.verb == "create" || q.verb == "update" || q.verb == "patch"
		switch {
		case f.kind == frozen:
		case f.kind == lost && !write:
		case f.kind.ofBuilds() && (q.resource != secrets || !write):
		default:
			return f
		}
	}
	return nil
}

// frozen reports whether the watch of the process gets nothing now.
func (s *Server) frozen(p *process, q *request, now time.Time) bool {
	return slices.ContainsFunc(s.faults, func(f *fault) bool {
		return (f.kind == frozen || f.kind == silent && f.share >= 1) && f.concerns(p.name, q.resource, now)
	})
}

// chance returns a number that depends on the seed and on how many equal
// requests there were before, and on nothing else.
func (s *Server) chance(p *process, q *request) uint64 { return s.chanceOf(p.name + " " + q.String()) }

// chanceOf is chance for requests that are called what.
func (s *Server) chanceOf(what string) uint64 {
	s.asked[what]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", s.options.Seed, what, s.asked[what])
	n := h.Sum64()
	// FNV changes the low bits most; mix them into the high ones.
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	return n
}

// share returns a number from chance as one from 0 to 1.
func share(n uint64) float64 { return float64(n>>16) / float64(1<<48) }

// before returns the effect of a fault on a request before it reaches the server.
// Without an answer and an error it reaches the server.
func (f *fault) before(r *http.Request, q *request) (*http.Response, error) {
	if f == nil {
		return nil, nil
	}
	resource := q.groupResource()
	var refusal *apierrors.StatusError
	switch f.kind {
	case refused:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case silent:
		return nil, hang(r.Context())
	case slow:
		return nil, pause(r.Context(), 3*time.Second)
	case lost, frozen:
		return nil, nil
	case internal:
		refusal = apierrors.NewInternalError(errors.New("etcdserver: leader changed"))
	case unavailable:
		refusal = apierrors.NewServiceUnavailable("apiserver is shutting down")
	case timedOut:
		refusal = apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0)
	case throttled:
		refusal = apierrors.NewTooManyRequests("too many requests, please try again later", 1)
	case unauthorized:
		refusal = apierrors.NewUnauthorized("Unauthorized")
	case quota:
		refusal = apierrors.NewForbidden(resource, q.name, errors.New("exceeded quota: builds, requested: count/secrets=1, used: count/secrets=10, limited: count/secrets=10"))
	case denied400, denied403:
		refusal = webhookDenial(f.kind)
	case denied422:
		refusal = policyDenial(resource)
	case noNamespace:
		refusal = apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, q.namespace)
	default:
		return nil, fmt.Errorf("%s is no fault of an API server", f.kind)
	}
	return answer(r, q, nil, refusal)
}

// webhookDenial is the error of a validating webhook that denies (ToStatusErr
// in k8s.io/apiserver/pkg/admission/plugin/webhook/errors).
func webhookDenial(kind faultKind) *apierrors.StatusError {
	status := metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden,
		Message: `admission webhook "deny.example.com" denied the request: not now`,
	}
	if kind == denied400 {
		status.Code, status.Reason = http.StatusBadRequest, metav1.StatusReasonBadRequest
	}
	return &apierrors.StatusError{ErrStatus: status}
}

// policyDenial is the error of a ValidatingAdmissionPolicy that denies: 422
// with a cause that names no field (the validating dispatcher in
// k8s.io/apiserver/pkg/admission/plugin/policy/validating).
func policyDenial(resource schema.GroupResource) *apierrors.StatusError {
	message := `ValidatingAdmissionPolicy 'freeze' with binding 'freeze' denied request: no builds during the freeze`
	denial := apierrors.NewForbidden(resource, "", errors.New(message))
	denial.ErrStatus.Reason = metav1.StatusReasonInvalid
	denial.ErrStatus.Code = http.StatusUnprocessableEntity
	denial.ErrStatus.Details.Causes = append(denial.ErrStatus.Details.Causes, metav1.StatusCause{Message: message})
	return denial
}

// after returns the effect of a fault on an answer.
func (f *fault) after(response *http.Response) (*http.Response, error) {
	if f == nil || f.kind != lost || response.StatusCode >= http.StatusBadRequest {
		return response, nil
	}
	_ = response.Body.Close()
	return nil, io.ErrUnexpectedEOF
}
