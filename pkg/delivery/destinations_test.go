package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// receiver is a sink that answers Sent.
type receiver struct{ sink }

func (r *receiver) Write(ctx context.Context, b Build) (Outcome, error) {
	outcome, err := r.sink.Write(ctx, b)
	if err == nil {
		outcome = Sent
	}
	return outcome, err
}

func newReceiver() *receiver { return &receiver{sink{answers: map[string][]error{}}} }

// several is Destinations with Brigade and two receivers.
type several struct {
	*harness
	all     *Destinations
	metrics *Metrics
	brigade *sink
	knative *receiver
	tekton  *receiver
}

func newSeveral(t *testing.T, l limit.Limits) *several {
	t.Helper()
	s := &several{harness: newHarness(t, nil), brigade: &sink{answers: map[string][]error{}}, knative: newReceiver(), tekton: newReceiver()}
	s.metrics = NewMetrics(prometheus.NewRegistry())
	s.all = NewDestinations(Options{
		Limits: l, Workers: 4, Grace: 10 * time.Second, Reporter: s.warnings, Metrics: s.metrics, Log: slog.New(slog.NewTextHandler(s.log, nil)),
	}, s.destinations())
	return s
}

func (s *several) destinations() []Destination {
	return []Destination{{Brigade, s.brigade}, {"knative", s.knative}, {"tekton", s.tekton}}
}

// start runs the Destinations until what is returned is called.
func (s *several) start() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.all.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// send adds builds for a destination.
func (s *several) send(destination string, ids ...string) {
	for _, id := range ids {
		b := s.build(id)
		if b.Destination = destination; destination != "" {
			b.ProjectID = ""
		}
		s.all.Add(b, s.done)
	}
}

// count returns how many builds of a destination had an outcome.
func (s *several) count(destination string, o Outcome) int {
	return int(testutil.ToFloat64(s.metrics.builds.WithLabelValues(destination, string(o))))
}

func TestADeadDestinationHoldsBackNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSeveral(t, limit.Limits{BuildsPerMinute: 6, Burst: 1, Queued: 3000})
		s.knative.breakDown(func(Build) error {
			return &AttemptError{Reason: Timeout, MayHaveWritten: true, RetryAfter: time.Minute, Err: errors.New("no answer")}
		})
		s.knative.latency = func() time.Duration { return writeTimeout }
		stop := s.start()
		for i := range 60 {
			s.send("", fmt.Sprint("ns/a", i))
			s.send("knative", fmt.Sprint("ns/b", i))
			s.send("tekton", fmt.Sprint("ns/c", i))
		}
		bubbletest.Pass(10 * time.Minute)
		if a, c := s.count(Brigade, Created), s.count("tekton", Sent); a != 60 || c != 60 {
			t.Errorf("%d builds created and %d messages sent at 6 a minute in 10 minutes, want 60 each", a, c)
		}
		status := s.all.Status(time.Now())
		if status.Waiting != 60 || len(status.Destinations) != 3 || status.Destinations[0].Name != Brigade || !status.Destinations[1].Failing || status.Destinations[2].Failing {
			t.Errorf("status %+v, want 60 waiting for knative, which fails", status)
		}
		if n := s.log.Count(`msg="sending message failed, retrying" destination=knative`); n == 0 {
			t.Errorf("the log does not name the destination:\n%s", s.log.String())
		}
		s.knative.breakDown(nil)
		s.knative.answerAtOnce()
		bubbletest.Pass(15 * time.Minute)
		if b := s.count("knative", Sent); b != 60 {
			t.Errorf("%d messages sent once it is back, want 60", b)
		}
		stop()
	})
}

func TestEachDestinationHasItsShareOfWhatMayWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSeveral(t, limit.Limits{BuildsPerMinute: 1, Burst: 1, Queued: 30})
		for i := range 20 {
			s.send("knative", fmt.Sprint("ns/a", i))
		}
		for i := range 10 {
			s.send("", fmt.Sprint("ns/b", i))
		}
		if knative, brigade := s.count("knative", Dropped), s.count(Brigade, Dropped); knative != 10 || brigade != 0 {
			t.Errorf("%d dropped for knative and %d for Brigade, want 10 and none", knative, brigade)
		}
		want := "MessageDropped: dropped the message of event ns/ns/a10: 10 messages wait, which is the share of knative in limits.queued; the longest flow is ns with 10"
		if got := strings.Join(s.warnings.all, "\n"); got != want {
			t.Errorf("reported %q, want %q", got, want)
		}
		s.all.Use(s.destinations()[:2], s.all.limits) // tekton's share is free
		for i := range 20 {
			s.send("knative", fmt.Sprint("ns/c", i))
		}
		if depth, _ := s.all.Waiting(); depth != 25 {
			t.Errorf("%d wait, want 15 for knative and 10 for Brigade", depth)
		}
	})
}

func TestAReloadChangesWhereMessagesGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSeveral(t, wide())
		down := func(Build) error { return &AttemptError{Reason: Network, Err: errors.New("refused")} }
		s.knative.breakDown(down)
		s.tekton.breakDown(down)
		stop := s.start()
		s.send("knative", "ns/a")
		s.send("tekton", "ns/b")
		bubbletest.Pass(time.Minute)
		moved, added := newReceiver(), newReceiver()
		s.all.Use([]Destination{{"knative", moved}, {"argo", added}}, s.all.limits)
		s.send("argo", "ns/c")
		synctest.Wait()
		if got := len(moved.ids()); got != 1 {
			t.Errorf("%d messages at the new place at once, want 1: its settings were wrong", got)
		}
		if got := len(added.ids()); got != 1 {
			t.Errorf("%d messages at a new destination, want 1", got)
		}
		s.tekton.breakDown(nil)
		bubbletest.Pass(maxRetryBackoff)
		if got := len(s.tekton.ids()); got != 1 {
			t.Errorf("%d messages at a destination that was removed, want what was accepted for it", got)
		}
		s.send("tekton", "ns/d") // decided on by the file before
		synctest.Wait()
		if got := len(s.tekton.ids()); got != 2 {
			t.Errorf("%d messages at a destination that was just removed, want 2", got)
		}
		if !strings.Contains(names(s.metrics), "tekton") {
			t.Error("the metrics of a destination are gone with its last message")
		}
		for range 2 {
			s.all.Use([]Destination{{"knative", moved}}, s.all.limits)
		}
		if got := names(s.metrics); got != "brigade knative" {
			t.Errorf("metrics of %s, want those of the file, and of Brigade", got)
		}
		stop()
	})
}

// names returns the destinations that have metrics.
func names(m *Metrics) string {
	seen := map[string]bool{}
	var all []string
	for _, name := range []string{"argo", "brigade", "knative", "tekton"} {
		m.mu.Lock()
		_, seen[name] = m.queues[name]
		m.mu.Unlock()
		if seen[name] {
			all = append(all, name)
		}
	}
	return strings.Join(all, " ")
}

func TestOnlyBrigadesBuildsCountAsActive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := wide()
		l.ActiveBuilds = 1
		s := newSeveral(t, l)
		s.all.Workers().Counted(time.Now())
		stop := s.start()
		s.send("", "ns/a", "ns/b")
		s.send("knative", "ns/c", "ns/d", "ns/e")
		synctest.Wait()
		if got := s.count("knative", Sent); got != 3 {
			t.Errorf("%d messages sent, want 3 whatever Brigade does", got)
		}
		if got := s.count(Brigade, Created); got != 1 {
			t.Errorf("%d builds created, want 1 active at a time", got)
		}
		stop()
	})
}

func TestMessagesWithoutAnAnswerKeepWithinThePace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := limit.Limits{BuildsPerMinute: 60, Burst: 5, Queued: 1000}
		s := newSeveral(t, l)
		lost := func(Build) error { return &AttemptError{Reason: Network, MayHaveWritten: true, Err: errors.New("EOF")} }
		n := 0
		s.knative.breakDown(func(b Build) error {
			n++
			if n%3 == 0 {
				return nil
			}
			return lost(b)
		})
		stop := s.start()
		for i := range 100 {
			s.send("knative", fmt.Sprint("ns/a", i))
		}
		bubbletest.Pass(20 * time.Minute)
		if got := s.count("knative", Sent); got != 100 {
			t.Errorf("%d messages sent, want 100", got)
		}
		withinPace(t, s.knative.attempts, l) // each attempt may have arrived
		stop()
	})
}

func TestWhatWasSentOrRefusedIsReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSeveral(t, wide())
		s.knative.answers["ns/a"] = []error{Refuse(errors.New("the receiver answered 404 Not Found"))}
		stop := s.start()
		s.send("knative", "ns/a", "ns/b")
		synctest.Wait()
		if want := "MessageRefused: event ns/ns/a is not sent to knative: the receiver answered 404 Not Found"; strings.Join(s.warnings.all, "\n") != want {
			t.Errorf("reported %q, want %q", s.warnings.all, want)
		}
		for _, line := range []string{
			`msg="message refused" destination=knative event=ns/ns/a build=ns/a err="the receiver answered 404 Not Found"`,
			`msg="message sent" destination=knative build=ns/b event=ns/ns/b by=filters[0]`,
		} {
			if s.log.Count(line) != 1 {
				t.Errorf("no line %s in\n%s", line, s.log.String())
			}
		}
		if got := s.done.versions(); got != "101 102" {
			t.Errorf("done: %s, want both", got)
		}
		stop()
	})
}

// mixed answers one build 429, after or before another answer.
type mixed struct {
	mu       sync.Mutex
	busy     string
	wait     map[string]time.Duration
	other    error
	attempts []string
}

func (m *mixed) Write(_ context.Context, b Build) (Outcome, error) {
	m.mu.Lock()
	m.attempts = append(m.attempts, b.ID)
	m.mu.Unlock()
	time.Sleep(m.wait[b.ID]) // fake clock
	if b.ID == m.busy {
		return "", &AttemptError{Reason: Throttled, RetryAfter: 30 * time.Second, Err: errors.New("429")}
	}
	if m.other != nil {
		return "", m.other
	}
	return Sent, nil
}

// TestRetryAfterHoldsWhateverElseIsAnswered has another message in progress, whose answer
// comes after the 429, or before it and as a failure.
func TestRetryAfterHoldsWhateverElseIsAnswered(t *testing.T) {
	for name, tc := range map[string]struct {
		busy, other time.Duration
		err         error
	}{
		"a success after it":  {busy: 10 * time.Millisecond, other: 20 * time.Millisecond},
		"a failure before it": {busy: 20 * time.Millisecond, other: 10 * time.Millisecond, err: &AttemptError{Reason: ServerError, Err: errors.New("503")}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSeveral(t, limit.Limits{BuildsPerMinute: 6000, Burst: 100, Queued: 3000})
				m := &mixed{busy: "ns/a", wait: map[string]time.Duration{"ns/a": tc.busy, "ns/b": tc.other}, other: tc.err}
				s.all.Use([]Destination{{"knative", m}}, s.all.limits)
				s.send("knative", "ns/a", "ns/b")
				stop := s.start()
				bubbletest.Pass(29 * time.Second)
				if n := len(m.attempts); n != 2 {
					t.Errorf("attempts at %q before Retry-After has passed, want one at each", m.attempts)
				}
				bubbletest.Pass(10 * time.Second)
				if n := len(m.attempts); n < 3 {
					t.Errorf("attempts at %q, and none after Retry-After", m.attempts)
				}
				stop()
			})
		})
	}
}

// TestAFileWithMoreDestinationsAndAsLargeShares drops nothing that both files allow.
func TestAFileWithMoreDestinationsAndAsLargeShares(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := limit.Limits{BuildsPerMinute: 6, Burst: 1, Queued: 10}
		s := newSeveral(t, l)
		s.all.Use([]Destination{{"knative", s.knative}}, l)
		for i := range 10 {
			s.send("knative", fmt.Sprint("ns/", i))
		}
		l.Queued = 20
		s.all.Use([]Destination{{"knative", s.knative}, {"tekton", s.tekton}}, l)
		if n := s.count("knative", Dropped); n != 0 {
			t.Errorf("%d dropped though the share is 10 before and after", n)
		}
	})
}

// TestBuildsThatWaitCountAfterBrigadeIsRemoved fills the queue with builds before a file
// without Brigade.
func TestBuildsThatWaitCountAfterBrigadeIsRemoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := limit.Limits{BuildsPerMinute: 6, Burst: 1, Queued: 10}
		s := newSeveral(t, l)
		for i := range 10 {
			s.send("", fmt.Sprint("ns/a", i))
		}
		s.all.Use([]Destination{{"knative", s.knative}}, l)
		for i := range 10 {
			s.send("knative", fmt.Sprint("ns/b", i))
		}
		if n, _ := s.all.Waiting(); n > 10 {
			t.Errorf("%d wait, limits.queued is 10", n)
		}
	})
}

// TestAnEmptyQueueGivesItsShareBack removes a destination whose messages still wait. When
// they have been sent, the others may use its share without another file.
func TestAnEmptyQueueGivesItsShareBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := limit.Limits{BuildsPerMinute: 6, Burst: 1, Queued: 10}
		s := newSeveral(t, l)
		s.brigade.breakDown(func(Build) error { return &AttemptError{Reason: ServerError, Err: errors.New("down")} })
		s.send("knative", "ns/a0", "ns/a1", "ns/a2")
		s.all.Use([]Destination{{Brigade, s.brigade}}, l)
		for i := range 10 {
			s.send("", fmt.Sprint("ns/b", i))
		}
		if n := s.count(Brigade, Dropped); n != 5 {
			t.Errorf("%d builds dropped while messages for the removed destination wait, want 5", n)
		}
		stop := s.start()
		bubbletest.Pass(time.Minute)
		if n := s.count("knative", Sent); n != 3 {
			t.Fatalf("%d messages sent to the removed destination, want 3", n)
		}
		for i := range 6 {
			s.send("", fmt.Sprint("ns/c", i))
		}
		if n := s.count(Brigade, Dropped); n != 6 {
			t.Errorf("%d builds dropped, want 6: all of limits.queued is Brigade's", n)
		}
		stop()
	})
}
