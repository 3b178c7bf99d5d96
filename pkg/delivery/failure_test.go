package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// status is an answer of the API server with the given code, reason and causes.
func status(code int32, reason metav1.StatusReason, message string, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message, Details: &metav1.StatusDetails{Name: "x", Kind: "secrets", Causes: causes},
	}}
}

func TestEveryFailureIsRetriedOrRefused(t *testing.T) {
	t.Parallel()
	secrets := schema.GroupResource{Resource: "secrets"}
	secret := schema.GroupKind{Kind: "Secret"}
	post := func(err error) error { return &url.Error{Op: "Post", URL: "https://k8s", Err: err} }
	refused := post(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	const policy = `secrets "x" is forbidden: ValidatingAdmissionPolicy 'freeze' with binding 'freeze' denied request: no builds today`
	const webhook = `admission webhook "freeze.example.com" denied the request: no builds today`
	tests := map[string]struct {
		err    error
		reason Reason
		// written is whether the build may have been created.
		written bool
	}{
		"a refused connection":           {refused, Network, false},
		"a host that is not found":       {post(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host"}}), Network, false},
		"a connection that broke":        {post(&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}), Network, true},
		"an answer that was cut off":     {post(io.ErrUnexpectedEOF), Network, true},
		"a deadline":                     {fmt.Errorf("creating secret: %w", context.DeadlineExceeded), Timeout, true},
		"a server that timed out":        {apierrors.NewServerTimeout(secrets, "create", 1), Timeout, true},
		"a gateway that timed out":       {apierrors.NewTimeoutError("slow", 1), Timeout, true},
		"too many requests":              {apierrors.NewTooManyRequests("slow down", 1), Throttled, false},
		"an internal error":              {apierrors.NewInternalError(errors.New("etcd")), ServerError, true},
		"a server that is not available": {apierrors.NewServiceUnavailable("starting"), ServerError, true},
		"an answer that is not JSON":     {apierrors.NewGenericServerResponse(http.StatusBadGateway, "create", secrets, "x", "<html>", 0, true), ServerError, true},
		"an expired token":               {apierrors.NewUnauthorized("token expired"), Unauthorized, false},
		"an exhausted quota":             {apierrors.NewForbidden(secrets, "x", errors.New("exceeded quota")), Forbidden, false},
		"a missing namespace":            {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "brigade"), NotFound, false},
		"a conflict":                     {apierrors.NewConflict(secrets, "x", errors.New("changed")), Conflict, false},
		"what is unknown":                {errors.New("cosmic ray"), Other, true},

		"a policy that denies with 422":             {status(422, metav1.StatusReasonInvalid, policy, metav1.StatusCause{Message: policy}), Denied, false},
		"a policy that denies with 403":             {status(403, metav1.StatusReasonForbidden, policy, metav1.StatusCause{Message: policy}), Denied, false},
		"a policy that denies with 413":             {status(413, metav1.StatusReasonRequestEntityTooLarge, policy), Permanent, false},
		"a webhook that denies with 400":            {status(400, metav1.StatusReasonBadRequest, webhook), Denied, false},
		"a webhook that denies with 403":            {status(403, metav1.StatusReasonForbidden, webhook), Denied, false},
		"a webhook that denies with 422 and fields": {status(422, metav1.StatusReasonInvalid, webhook, metav1.StatusCause{Field: "data"}), Denied, false},
		"a bad request":                             {apierrors.NewBadRequest("bad"), Denied, false},
		"an invalid secret that names no field":     {status(422, metav1.StatusReasonInvalid, "no"), Denied, false},

		"an invalid secret":             {apierrors.NewInvalid(secret, "x", field.ErrorList{field.TooLong(field.NewPath("data"), "", 1048576)}), Permanent, false},
		"a secret that is too large":    {apierrors.NewRequestEntityTooLargeError("too large"), Permanent, false},
		"an event that cannot be coded": {Refuse(errors.New("no JSON")), Permanent, false},
		"a wrapped one":                 {fmt.Errorf("creating secret: %w", apierrors.NewRequestEntityTooLargeError("too large")), Permanent, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := reasonOf(tc.err); got != tc.reason {
				t.Errorf("reason %s, want %s", got, tc.reason)
			}
			if got := mayHaveWritten(tc.err); got != tc.written {
				t.Errorf("may have written: %t, want %t", got, tc.written)
			}
			if tc.reason != Permanent && !slices.Contains(Reasons(), tc.reason) {
				t.Errorf("reason %s has no counter", tc.reason)
			}
		})
	}
}

func TestABuildIsTriedUntilItIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		for range 100 {
			h.sink.answers["a"] = append(h.sink.answers["a"], apierrors.NewServiceUnavailable("starting"))
		}
		h.run()
		h.add("a")
		bubbletest.Pass(time.Hour)
		h.wants("a")
		h.counted(Created, 1)
		if got := testutil.ToFloat64(h.metrics.retries.WithLabelValues("server-error")); got != 100 {
			t.Errorf("%v retries counted, want 100", got)
		}
		if lines := h.log.Count("creating build failed, retrying"); lines < 10 || lines > 26 {
			t.Errorf("%d lines about retries in 25 minutes, want about one a minute", lines)
		}
		h.stop()
	})
}

func TestARefusedBuildIsReportedAndDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.sink.answers["a"] = []error{apierrors.NewRequestEntityTooLargeError("limit is 3145728")}
		h.run()
		h.add("a", "b")
		h.wants("b")
		h.counted(Refused, 1)
		if got := h.done.versions(); got != "101 102" {
			t.Errorf("done: %s, want both", got)
		}
		want := []string{"BuildRefused: event ns/a is not built: Request entity too large: limit is 3145728"}
		if !slices.Equal(h.warnings.all, want) {
			t.Errorf("reported %q, want %q", h.warnings.all, want)
		}
		h.add("a") // it is asked for again
		h.wants("b", "a")
		h.stop()
	})
}

func TestAWriteThatHangsMeetsItsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.sink.hold = make(chan struct{})
		h.run()
		h.add("a")
		bubbletest.Pass(writeTimeout - time.Millisecond)
		if n := h.sink.tries(); n != 1 {
			t.Errorf("%d attempts before the deadline, want 1", n)
		}
		bubbletest.Pass(2 * time.Millisecond)
		close(h.sink.hold)
		bubbletest.Pass(maxRetryBackoff)
		h.wants("a")
		if got := testutil.ToFloat64(h.metrics.retries.WithLabelValues("timeout")); got != 1 {
			t.Errorf("%v timeouts counted, want 1", got)
		}
		h.stop()
	})
}

func TestADryRunIsAnOutcomeOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Sink = dry{} })
		h.run()
		h.add("a")
		synctest.Wait()
		h.counted(DryRun, 1)
		if n := h.log.Count(`level=INFO msg="dry run: build checked, not created" build=a project=brigade-p event=ns/a by=filters[0]`); n != 1 {
			t.Errorf("%d lines about the build, want 1:\n%s", n, h.log.String())
		}
		h.stop()
	})
}

// dry is a Sink that only checks.
type dry struct{}

func (dry) Write(context.Context, Build) (Outcome, error) { return DryRun, nil }
