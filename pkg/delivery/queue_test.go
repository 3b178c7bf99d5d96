package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// script is a Sink that answers each attempt at a build in turn, and creates
// it when nothing is scripted any more.
type script struct {
	mu      sync.Mutex
	answers map[string][]error
	written []string
	// hold keeps every write until it is closed or the write's context ends.
	hold chan struct{}
}

func (s *script) Write(ctx context.Context, b Build) (Outcome, error) {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := s.answers[b.ID]; len(left) > 0 {
		s.answers[b.ID] = left[1:]
		return "", left[0]
	}
	if slices.Contains(s.written, b.ID) {
		return Exists, nil
	}
	s.written = append(s.written, b.ID)
	return Created, nil
}

// warnings is a Reporter that keeps what it is told.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (w *warnings) Warn(reason, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, reason+": "+message)
}

// outcomes collects what done was called with.
type outcomes struct {
	mu  sync.Mutex
	all map[string][]Outcome
}

func (o *outcomes) of(id string) func(Outcome) {
	return func(outcome Outcome) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.all == nil {
			o.all = map[string][]Outcome{}
		}
		o.all[id] = append(o.all[id], outcome)
	}
}

type harness struct {
	*Queue
	sink     *script
	warnings *warnings
	outcomes *outcomes
	log      *bytes.Buffer
	metrics  *Metrics
}

func newHarness(change func(*Options)) *harness {
	h := &harness{sink: &script{answers: map[string][]error{}}, warnings: &warnings{}, outcomes: &outcomes{}, log: &bytes.Buffer{}}
	h.metrics = NewMetrics(prometheus.NewRegistry())
	o := Options{
		Sink: h.sink, Workers: 4, Capacity: 100, Grace: 10 * time.Second, Reporter: h.warnings, Metrics: h.metrics,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	h.Queue = NewQueue(o)
	return h
}

func (h *harness) add(ids ...string) {
	for _, id := range ids {
		h.Add(build(id), h.outcomes.of(id))
	}
}

func build(id string) Build {
	return Build{ID: id, ProjectID: "brigade-p", By: "filters[0]", Event: &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: id}}}
}

// secrets is what errors of the API server name.
var secrets = schema.GroupResource{Resource: "secrets"}

// status returns an API error with the given code.
func status(code int32, reason metav1.StatusReason) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: string(reason)}}
}

func TestEveryFailureIsRetriedOrRefused(t *testing.T) {
	tests := map[string]struct {
		err    error
		reason Reason
	}{
		"a network fault":                {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, Network},
		"a deadline":                     {fmt.Errorf("creating secret: %w", context.DeadlineExceeded), Timeout},
		"a server that timed out":        {apierrors.NewServerTimeout(secrets, "create", 1), Timeout},
		"a gateway that timed out":       {apierrors.NewTimeoutError("slow", 1), Timeout},
		"too many requests":              {apierrors.NewTooManyRequests("slow down", 1), Throttled},
		"an internal error":              {apierrors.NewInternalError(errors.New("etcd")), ServerError},
		"a server that is not available": {apierrors.NewServiceUnavailable("starting"), ServerError},
		"an expired token":               {apierrors.NewUnauthorized("token expired"), Unauthorized},
		"an exhausted quota":             {apierrors.NewForbidden(secrets, "x", errors.New("exceeded quota")), Forbidden},
		"a missing namespace":            {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "brigade"), NotFound},
		"a conflict":                     {apierrors.NewConflict(secrets, "x", errors.New("changed")), Conflict},
		"whatever is unknown":            {errors.New("cosmic ray"), Other},
		"an invalid secret":              {status(422, metav1.StatusReasonInvalid), Permanent},
		"a secret that is too large":     {apierrors.NewRequestEntityTooLargeError("too large"), Permanent},
		"a bad request":                  {apierrors.NewBadRequest("bad"), Permanent},
		"an event that cannot be coded":  {Refuse(errors.New("no JSON")), Permanent},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := reasonOf(tc.err); got != tc.reason {
				t.Errorf("reason %s, want %s", got, tc.reason)
			}
			if tc.reason != Permanent && !slices.Contains(Reasons(), tc.reason) {
				t.Errorf("reason %s has no counter", tc.reason)
			}
		})
	}
}

func TestABuildIsTriedUntilItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(nil)
		for range 100 {
			h.sink.answers["a"] = append(h.sink.answers["a"], apierrors.NewServiceUnavailable("starting"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		h.add("a")
		time.Sleep(time.Hour) // fake clock
		synctest.Wait()
		if got := h.outcomes.all["a"]; !slices.Equal(got, []Outcome{Created}) {
			t.Errorf("outcomes %v, want created once", got)
		}
		if got := testutil.ToFloat64(h.metrics.retries.WithLabelValues("server-error")); got != 100 {
			t.Errorf("%v retries counted, want 100", got)
		}
		if lines := strings.Count(h.log.String(), "not written yet"); lines < 10 || lines > 60 {
			t.Errorf("%d lines about retries in half an hour, want about one a minute", lines)
		}
		cancel()
		synctest.Wait()
	})
}

func TestARefusedBuildIsReportedAndDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(nil)
		h.sink.answers["a"] = []error{apierrors.NewRequestEntityTooLargeError("limit is 3145728")}
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		h.add("a", "b")
		synctest.Wait()
		if got := h.outcomes.all["a"]; !slices.Equal(got, []Outcome{Refused}) {
			t.Errorf("outcomes %v, want refused", got)
		}
		if got := h.outcomes.all["b"]; !slices.Equal(got, []Outcome{Created}) {
			t.Errorf("the build beside it: %v, want created", got)
		}
		want := []string{"BuildRefused: event ns/a is not built: Request entity too large: limit is 3145728"}
		if !slices.Equal(h.warnings.said, want) {
			t.Errorf("reported %q, want %q", h.warnings.said, want)
		}
		cancel()
		synctest.Wait()
	})
}

func TestTheSameBuildIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(nil)
		h.add("a", "a")
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		synctest.Wait()
		h.add("a")
		synctest.Wait()
		if got := h.outcomes.all["a"]; !slices.Equal(got, []Outcome{Created, Exists, Exists}) {
			t.Errorf("outcomes %v, want created, then exists twice", got)
		}
		cancel()
		synctest.Wait()
	})
}

func TestBeyondItsCapacityTheQueueDropsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(func(o *Options) { o.Capacity = 2 })
		h.add("a", "b", "c", "d")
		for _, id := range []string{"c", "d"} {
			if got := h.outcomes.all[id]; !slices.Equal(got, []Outcome{Dropped}) {
				t.Errorf("%s: %v, want dropped", id, got)
			}
		}
		if want := "BuildDropped: dropped the build of event ns/c: 2 builds wait, which is limits.queued"; len(h.warnings.said) != 1 || h.warnings.said[0] != want {
			t.Errorf("reported %q, want %q once", h.warnings.said, want)
		}
		if got := testutil.ToFloat64(h.metrics.builds.WithLabelValues("dropped")); got != 2 {
			t.Errorf("%v drops counted, want 2", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		synctest.Wait()
		h.add("c") // it occurs again, and there is room now
		synctest.Wait()
		if got := h.sink.written; !slices.Equal(slices.Sorted(slices.Values(got)), []string{"a", "b", "c"}) {
			t.Errorf("written %v, want a, b and c", got)
		}
		cancel()
		synctest.Wait()
	})
}

func TestStoppingFinishesWhatIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(func(o *Options) { o.Workers = 1 })
		h.sink.hold = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan struct{})
		go func() { h.Run(ctx); close(returned) }()
		h.add("a", "b", "c")
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(h.sink.hold)
		<-returned
		if got := h.sink.written; !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("written %v, want all three", got)
		}
	})
}

func TestStoppingEndsWithTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(func(o *Options) { o.Workers = 1 })
		h.sink.hold = make(chan struct{}) // never answers
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan struct{})
		go func() { h.Run(ctx); close(returned) }()
		h.add("a", "b")
		synctest.Wait()
		start := time.Now()
		cancel()
		<-returned
		if took := time.Since(start); took != h.Grace {
			t.Errorf("stopped after %s, want the grace period of %s", took, h.Grace)
		}
		if len(h.outcomes.all) != 0 {
			t.Errorf("outcomes %v, want none: what was not written is not done", h.outcomes.all)
		}
	})
}

func TestAWriteThatHangsMeetsItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(nil)
		h.sink.hold = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		h.add("a")
		time.Sleep(writeTimeout + time.Millisecond) // fake clock
		close(h.sink.hold)
		time.Sleep(maxBackoff) // fake clock
		synctest.Wait()
		if got := h.outcomes.all["a"]; !slices.Equal(got, []Outcome{Created}) {
			t.Errorf("outcomes %v, want created at the second attempt", got)
		}
		cancel()
		synctest.Wait()
	})
}

// turnstile is a Gate that lets one build pass at a time.
type turnstile struct {
	pass    chan struct{}
	mu      sync.Mutex
	settled []string
}

func (g *turnstile) Wait(ctx context.Context, _ Build) error {
	select {
	case <-g.pass:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *turnstile) Settle(b Build, o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settled = append(g.settled, b.ID+" "+string(o))
}

func TestTheGateHoldsBuildsBackInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := &turnstile{pass: make(chan struct{})}
		h := newHarness(func(o *Options) { o.Gate = gate; o.Workers = 1 })
		h.sink.answers["a"] = []error{apierrors.NewServiceUnavailable("starting")}
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		h.add("a", "b", "c")
		time.Sleep(time.Minute) // fake clock
		synctest.Wait()
		if len(h.sink.written) != 0 {
			t.Errorf("written %v behind a closed gate", h.sink.written)
		}
		if depth, oldest := h.Waiting(); depth != 3 || oldest != time.Minute {
			t.Errorf("%d wait, the oldest for %s; want 3 for a minute", depth, oldest)
		}
		gate.pass <- struct{}{}
		gate.pass <- struct{}{}
		// The retry of a needs no second pass.
		time.Sleep(maxBackoff) // fake clock
		synctest.Wait()
		if got := h.sink.written; !slices.Equal(got, []string{"b", "a"}) {
			t.Errorf("written %v, want b and then a", got)
		}
		if want := []string{"b created", "a created"}; !slices.Equal(gate.settled, want) {
			t.Errorf("settled %v, want %v", gate.settled, want)
		}
		cancel()
		synctest.Wait()
	})
}

func TestQueueTakesMemoryForWhatWaitsAndNotForWhatMay(t *testing.T) {
	allocated := func(capacity int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		newHarness(func(o *Options) { o.Capacity = capacity })
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	allocated(1) // what is set up once in a process
	if few, many := allocated(1), allocated(1_000_000); many > 2*few {
		t.Errorf("a queue for a million builds takes %d bytes while it is empty, one for a single build %d", many, few)
	}
}

func TestQueueTellsWhatItWouldTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(func(o *Options) { o.Capacity = 2 })
		room := func(id string, wantKnown bool, wantLeft int) {
			t.Helper()
			if known, left := h.Room(id); known != wantKnown || left != wantLeft {
				t.Errorf("Room(%s) = %v, %d, want %v, %d", id, known, left, wantKnown, wantLeft)
			}
		}
		room("a", false, 2)
		h.add("a")
		room("a", true, 1)
		room("b", false, 1)
		h.add("b")
		room("c", false, 0)
		h.Drop(build("c"), 3)
		if got := testutil.ToFloat64(h.metrics.builds.WithLabelValues(string(Dropped))); got != 3 {
			t.Errorf("%v builds counted as dropped, want 3", got)
		}
		ctx, stop := context.WithCancel(t.Context())
		go h.Run(ctx)
		synctest.Wait()
		room("a", true, 2) // written lately
		stop()
		synctest.Wait()
	})
}
