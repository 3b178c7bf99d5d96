package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
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

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// sink is a Sink that records builds and returns the results of a test.
type sink struct {
	mu sync.Mutex
	// answers are the errors of the next attempts at each build.
	answers map[string][]error
	// fault, if set, returns the error of an attempt after all answers are used.
	fault func(b Build) error
	// lost is whether failing builds are written.
	lost bool
	// latency is how long an answer takes. hold blocks every write until it is closed or
	// the context of the write ends.
	latency func() time.Duration
	hold    chan struct{}

	// attempts has the time of each attempt, and written and created have the builds
	// that were written, and when.
	attempts []time.Time
	written  []string
	created  []time.Time
}

func (s *sink) Write(ctx context.Context, b Build) (Outcome, error) {
	s.mu.Lock()
	s.attempts = append(s.attempts, time.Now())
	hold, latency := s.hold, s.latency
	s.mu.Unlock()
	if latency != nil {
		time.Sleep(latency()) // fake clock
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if left := s.answers[b.ID]; len(left) > 0 {
		s.answers[b.ID], err = left[1:], left[0]
	} else if s.fault != nil {
		err = s.fault(b)
	}
	if err != nil && !s.lost {
		return "", err
	}
	if slices.Contains(s.written, b.ID) {
		return Exists, err
	}
	s.written, s.created = append(s.written, b.ID), append(s.created, time.Now())
	if err != nil {
		return "", err
	}
	return Created, nil
}

// answerAtOnce ends the latency.
func (s *sink) answerAtOnce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = nil
}

// breakDown makes every write fail; nil ends that.
func (s *sink) breakDown(fault func(Build) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// ids returns the IDs of written builds, in order.
func (s *sink) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.written)
}

// tries returns the number of attempts so far.
func (s *sink) tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.attempts)
}

// since returns the number of attempts since a time.
func (s *sink) since(while time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, at := range s.attempts {
		if time.Since(at) < while {
			n++
		}
	}
	return n
}

// warnings is a Reporter that records warnings.
type warnings struct{ all []string }

func (w *warnings) Warn(reason, message string) { w.all = append(w.all, reason+": "+message) }

// done is a Tracker that records versions that are done.
type done struct {
	mu  sync.Mutex
	all []string
}

func (d *done) Done(version string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, version)
}

// versions returns the versions that are done, in order.
func (d *done) versions() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := slices.Clone(d.all)
	slices.SortFunc(all, cmpNumbers)
	return strings.Join(all, " ")
}

func cmpNumbers(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

// harness is a Queue with its dependencies.
type harness struct {
	*Queue
	t        *testing.T
	sink     *sink
	warnings *warnings
	done     *done
	log      *bubbletest.Log
	all      *Metrics
	registry *prometheus.Registry
	version  int
	// stop stops the Queue and waits for it.
	stop func()
}

// wide returns limits that hold no build back.
func wide() limit.Limits {
	return limit.Limits{BuildsPerMinute: 1_000_000, Burst: 10_000, Queued: 10_000}
}

func newHarness(t *testing.T, change func(*Options)) *harness {
	t.Helper()
	h := &harness{
		t: t, sink: &sink{answers: map[string][]error{}}, warnings: &warnings{}, done: &done{}, log: &bubbletest.Log{},
		registry: prometheus.NewRegistry(), version: 100,
	}
	h.all = NewMetrics(h.registry)
	o := Options{
		Sink: h.sink, Limits: wide(), Workers: 4, Grace: 10 * time.Second, Reporter: h.warnings, Metrics: h.all,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	h.Queue = NewQueue(o)
	return h
}

// run runs the Queue until stop is called.
func (h *harness) run() {
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.Run(ctx)
	}()
	h.stop = func() {
		cancel()
		<-ended
	}
}

// build returns a build with the given ID, of an Event in the namespace that
// the ID begins with: "ns/name".
func (h *harness) build(id string) Build {
	namespace, _, found := strings.Cut(id, "/")
	if !found {
		namespace = "ns"
	}
	h.version++
	return Build{ID: id, ProjectID: "brigade-p", By: "filters[0]", Event: &corev1.Event{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: id, ResourceVersion: strconv.Itoa(h.version),
	}}}
}

// add adds builds with the given IDs, of ever newer versions.
func (h *harness) add(ids ...string) {
	for _, id := range ids {
		h.Add(h.build(id), h.done)
	}
}

// many adds that many builds of a namespace.
func (h *harness) many(namespace string, n int) {
	for i := range n {
		h.add(fmt.Sprintf("%s/%d", namespace, i))
	}
}

// wants fails the test unless exactly these were written, in this order.
func (h *harness) wants(ids ...string) {
	h.t.Helper()
	synctest.Wait()
	if got := h.sink.ids(); !slices.Equal(got, ids) {
		h.t.Errorf("written %q, want %q", got, ids)
	}
}

// counted fails the test unless that many builds had the outcome.
func (h *harness) counted(o Outcome, want int) {
	h.t.Helper()
	if got := testutil.ToFloat64(h.metrics.builds.WithLabelValues(string(o))); int(got) != want {
		h.t.Errorf("%v builds counted as %s, want %d", got, o, want)
	}
}

// shows returns the value of a metric.
func (h *harness) shows(name string) float64 {
	h.t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	h.t.Fatalf("no metric %s", name)
	return 0
}

// bubble runs tests, each in its own bubble.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

func TestTheSameBuildIsWrittenOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.add("a", "a")
		h.run()
		synctest.Wait()
		h.add("a")
		h.wants("a")
		h.counted(Created, 1)
		h.counted(Exists, 2)
		if got := h.done.versions(); got != "101 102 103" {
			t.Errorf("done: %s, want all three", got)
		}
		h.Forget()
		h.add("a")
		synctest.Wait()
		h.counted(Exists, 3)
		if n := h.sink.tries(); n != 2 {
			t.Errorf("%d attempts, want another one once it was forgotten", n)
		}
		h.stop()
	})
}

func TestBuildsAreWrittenInTheOrderOfTheirVersions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Workers = 1 })
		builds := make([]Build, 0, 50)
		var want []string
		for i := range 50 {
			b := h.build(fmt.Sprint("b", i))
			builds, want = append(builds, b), append(want, b.ID)
		}
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(builds), func(i, j int) { builds[i], builds[j] = builds[j], builds[i] })
		for _, b := range builds {
			h.Add(b, h.done)
		}
		h.run()
		h.wants(want...)
		h.stop()
	})
}

func TestFlowsTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) {
			o.Workers = 1
			o.Limits = limit.Limits{BuildsPerMinute: 60, Burst: 1, Queued: 1000}
		})
		h.many("noisy", 500)
		h.run()
		bubbletest.Pass(10 * time.Second)
		h.add("quiet/a", "quiet/b")
		bubbletest.Pass(2*time.Second + time.Millisecond)
		last := h.sink.ids()[len(h.sink.ids())-2:]
		if !slices.Contains(last, "quiet/a") {
			t.Errorf("written last: %q, want the quiet flow's build among them: it waits for one turn", last)
		}
		bubbletest.Pass(2 * time.Second)
		if !slices.Contains(h.sink.ids(), "quiet/b") {
			t.Error("the second build of the quiet flow waits for more than one turn")
		}
		h.stop()
	})
}

func TestJoinersKeepNoMemoryAndHoldThePosition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		tracker := position.NewTracker("10")
		read := func(version int) {
			b := h.build("a")
			b.Event.ResourceVersion = strconv.Itoa(version)
			tracker.Track(b.Event.ResourceVersion)
			h.Add(b, tracker)
			tracker.Advance(b.Event.ResourceVersion)
		}
		for version := 101; version <= 20_000; version++ {
			read(version)
		}
		if n := tracker.Outstanding(); n != 1 || len(h.pending["a"].oldest) != 1 {
			t.Errorf("%d versions are kept by the tracker and %d by the queue, want one by each", n, len(h.pending["a"].oldest))
		}
		if at := tracker.Position(); at != "100" {
			t.Errorf("position %s, want it just below the oldest version that waits", at)
		}
		read(50) // a list shows versions in no order
		if at := tracker.Position(); at != "49" {
			t.Errorf("position %s, want it below the version that is older still", at)
		}
		other := position.NewTracker("10") // another namespace is read by another one
		other.Track("30000")
		b := h.build("a")
		b.Event.ResourceVersion = "30000"
		h.Add(b, other)
		if n := other.Outstanding(); n != 1 {
			t.Errorf("%d versions outstanding in the other tracker, want 1", n)
		}
		h.run()
		synctest.Wait()
		if at := tracker.Position(); at != "20000" || tracker.Outstanding() != 0 || other.Outstanding() != 0 {
			t.Errorf("position %s with %d and %d outstanding, want 20000 with none", at, tracker.Outstanding(), other.Outstanding())
		}
		h.counted(Created, 1)
		h.counted(Exists, 19_901)
		h.stop()
	})
}

func TestAFullQueueDropsTheNewestOfTheLongestFlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits.Queued = 5; o.Workers = 1 })
		h.many("noisy", 5)
		h.add("quiet/a", "noisy/x", "quiet/b")
		h.counted(Dropped, 3)
		if got := h.done.versions(); got != "104 105 107" {
			t.Errorf("dropped versions %s, want the newest two of the noisy flow and the one that came last", got)
		}
		const want = "BuildDropped: dropped the build of event noisy/noisy/4: 5 builds wait, which is limits.queued; the longest flow is noisy with 4"
		if !slices.Equal(h.warnings.all, []string{want}) {
			t.Errorf("reported %q, want %q once", h.warnings.all, want)
		}
		const line = `level=ERROR msg="build dropped, too many builds wait" event=noisy/noisy/4 build=noisy/4 flow="noisy (brigade-p)" waiting=5 bytes=`
		if h.log.Count(line) != 1 || h.log.Count(`longestFlow="noisy (brigade-p)" longestFlowWaiting=4`) != 1 {
			t.Errorf("the log does not say what was dropped and why:\n%s", h.log.String())
		}
		h.run()
		h.wants("noisy/0", "quiet/a", "noisy/1", "quiet/b", "noisy/2")
		h.add("noisy/4") // it occurs again, and there is room now
		h.wants("noisy/0", "quiet/a", "noisy/1", "quiet/b", "noisy/2", "noisy/4")
		h.stop()
	})
}

// The builds that are being created are as many as wait, so only the one that comes last
// can be dropped.
func TestTheLongestFlowIncludesBuildsThatAreBeingCreated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits.Queued = 3 })
		h.sink.hold = make(chan struct{})
		h.run()
		h.many("noisy", 3)
		synctest.Wait()
		h.add("noisy/x")
		const want = "BuildDropped: dropped the build of event noisy/noisy/x: 3 builds wait, which is limits.queued; the longest flow is noisy with 3"
		if !slices.Equal(h.warnings.all, []string{want}) {
			t.Errorf("reported %q, want %q once", h.warnings.all, want)
		}
		if h.log.Count(`waiting=3 bytes=`) != 1 || h.log.Count(`longestFlow="noisy (brigade-p)" longestFlowWaiting=3`) != 1 {
			t.Errorf("the log does not say which flow is the longest:\n%s", h.log.String())
		}
		close(h.sink.hold)
		synctest.Wait()
		h.stop()
	})
}

func TestWhatIsDroppedWithJoinersIsCountedWithThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits.Queued = 2 })
		h.add("a", "b", "b", "b")
		l := wide()
		l.Queued = 1
		h.Limit(l)
		h.counted(Dropped, 3)
		if got := h.done.versions(); got != "102 103 104" {
			t.Errorf("done: %s, want all versions of the build that was dropped", got)
		}
	})
}

func TestAFullQueueIsFullInBytesToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits.Queued = 10; o.Workers = 1 })
		large := func(id string, size int) {
			b := h.build(id)
			b.Event.Message = strings.Repeat("x", size)
			h.Add(b, h.done)
		}
		for i := range 10 {
			large(fmt.Sprint("large/", i), 40<<10)
		}
		if depth, _ := h.Waiting(); depth != 3 || h.bytes > 10*bytesPerBuild {
			t.Errorf("%d builds of %d bytes wait, want 3 within %d", depth, h.bytes, 10*bytesPerBuild)
		}
		h.counted(Dropped, 7)
		h.add("small/a") // a small one has room
		h.counted(Dropped, 7)
		large("small/b", 1<<20) // one that has no room at all
		h.counted(Dropped, 9)
		h.run()
		h.wants("large/0", "small/a", "large/1")
		large("small/b", 1<<20) // a build alone may be of any size
		h.wants("large/0", "small/a", "large/1", "small/b")
		if h.bytes != 0 || len(h.pending) != 0 {
			t.Errorf("%d bytes and %d builds left", h.bytes, len(h.pending))
		}
		h.stop()
	})
}

func TestOtherLimitsKeepWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) {
			o.Limits = limit.Limits{BuildsPerMinute: 1, Burst: 5, Queued: 100}
			o.Workers = 1
		})
		h.many("a", 25)
		h.run()
		for range 5 {
			h.Limit(limit.Limits{BuildsPerMinute: 1, Burst: 5, Queued: 100})
			bubbletest.Pass(7 * time.Second)
		}
		if n := len(h.sink.ids()); n != 5 {
			t.Errorf("%d builds within 35 s and 5 changes of limits, want the burst of 5", n)
		}
		h.Limit(limit.Limits{BuildsPerMinute: 60, Burst: 1, Queued: 10})
		h.counted(Dropped, 10)
		bubbletest.Pass(time.Minute)
		if n := len(h.sink.ids()); n != 15 {
			t.Errorf("%d builds in all, want 15: what waits keeps its place within the new limits", n)
		}
		h.stop()
	})
}

func TestAQueueCanBeRunAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) {
			o.Workers = 1
			o.Limits = limit.Limits{BuildsPerMinute: 60, Burst: 1, Queued: 100}
		})
		h.add("a", "b", "c", "d")
		h.run()
		bubbletest.Pass(time.Second)
		h.stop()
		bubbletest.Pass(time.Hour)
		h.wants("a", "b")
		if got := h.done.versions(); got != "101 102" {
			t.Errorf("done: %s, want nothing of what waits", got)
		}
		h.run()
		bubbletest.Pass(time.Second)
		h.wants("a", "b", "c", "d")
		h.stop()
	})
}

func TestStoppingWaitsForWhatIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Workers = 2 })
		h.sink.hold = make(chan struct{})
		h.add("a", "b", "c")
		h.run()
		synctest.Wait()
		time.AfterFunc(5*time.Second, func() { close(h.sink.hold) })
		began := time.Now()
		h.stop()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("stopped after %s, want it to wait for the answers", took)
		}
		if got := h.sink.ids(); len(got) != 2 {
			t.Errorf("written %q, want the two that were under way", got)
		}
		if depth, _ := h.Waiting(); depth != 1 {
			t.Errorf("%d wait, want the one that was not under way", depth)
		}
	})
}

func TestStoppingEndsWithTheGracePeriod(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.sink.hold = make(chan struct{}) // never answers
		h.add("a", "b")
		h.run()
		synctest.Wait()
		began := time.Now()
		h.stop()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("stopped after %s, want the grace period of 10s", took)
		}
		if got := h.done.versions(); got != "" {
			t.Errorf("done: %s, want none: what was not written is not done", got)
		}
	})
}

func TestMetricsShowWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits = limit.Limits{BuildsPerMinute: 1, Burst: 1, Queued: 100} })
		wants := func(depth, oldest, held, seconds float64) {
			t.Helper()
			synctest.Wait()
			got := []float64{
				h.shows("queue_depth"), h.shows("queue_oldest_seconds"),
				testutil.ToFloat64(h.metrics.heldBack.WithLabelValues(limitPace)), testutil.ToFloat64(h.metrics.heldBackSeconds.WithLabelValues(limitPace)),
			}
			if want := []float64{depth, oldest, held, seconds}; !slices.Equal(got, want) {
				t.Errorf("depth, oldest, held back and for how long: %v, want %v", got, want)
			}
		}
		wants(0, 0, 0, 0)
		h.run()
		h.add("a", "b", "c")
		wants(2, 0, 1, 0)
		bubbletest.Pass(30 * time.Second)
		wants(2, 30, 1, 0)
		bubbletest.Pass(30 * time.Second)
		wants(1, 60, 1, 60)
		h.stop()
		h.Close()
		wants(0, 0, 0, 60)
		if n := testutil.CollectAndCount(h.all.latency); n != 2 {
			t.Errorf("%d histograms of latency, want from occurrence and from receipt", n)
		}
		next := NewQueue(Options{Sink: h.sink, Limits: wide(), Log: slog.New(slog.DiscardHandler), Metrics: h.all, Reporter: h.warnings})
		next.Add(h.build("d"), h.done)
		wants(1, 0, 0, 60) // the metrics follow the queue that is there
		h.Close()
		wants(1, 0, 0, 60)
	})
}

func TestALimitIsShownWhileItHoldsBackAlsoDuringAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits = limit.Limits{BuildsPerMinute: 60, Burst: 1, Queued: 100} })
		held := func(name string) float64 { return testutil.ToFloat64(h.metrics.heldBack.WithLabelValues(name)) }
		h.run()
		h.add("a", "b")
		synctest.Wait()
		if held(limitPace) != 1 {
			t.Fatal("the pace does not hold the second build back")
		}
		h.sink.breakDown(func(Build) error { return apierrors.NewServiceUnavailable("etcd is down") })
		bubbletest.Pass(time.Minute) // several attempts fail, and the bucket is full between them
		if held(limitPace) != 0 {
			t.Error("the pace is shown as holding builds back while only the failing writes do")
		}
		h.Limit(limit.Limits{BuildsPerMinute: 60, Burst: 1, Queued: 100, Paused: true})
		h.add("c")
		bubbletest.Pass(time.Second)
		if held(limitPaused) != 1 {
			t.Error("paused is not shown as holding builds back while writes fail")
		}
		h.stop()
	})
}

func TestTheLogSaysForHowLongALimitHoldsBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits = limit.Limits{BuildsPerMinute: 60, Burst: 20, Queued: 1000} })
		h.many("a", 200)
		h.run()
		bubbletest.Pass(time.Hour)
		if n := h.log.Count("builds held back by limit"); n != 3 {
			t.Errorf("%d lines within three minutes, want one a minute:\n%s", n, h.log.Lines("held back"))
		}
		if h.log.Count("limit=buildsPerMinute for=2m0s waiting=6") != 1 || h.log.Count(`longestFlow="a (brigade-p)" longestFlowWaiting=61`) != 1 {
			t.Errorf("the log does not say for how long, and what waits:\n%s", h.log.Lines("held back"))
		}
		if got := testutil.ToFloat64(h.metrics.heldBackSeconds.WithLabelValues(limitPace)); got < 179 || got > 181 {
			t.Errorf("held back for %v s in all, want 180", got)
		}
		h.stop()
	})
}

func TestFlowsAreListedLongestFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.add("b/1", "a/1", "c/1", "c/2")
		want := []FlowLength{
			{limit.Flow{Project: "brigade-p", Namespace: "c"}, 2},
			{limit.Flow{Project: "brigade-p", Namespace: "a"}, 1},
			{limit.Flow{Project: "brigade-p", Namespace: "b"}, 1},
		}
		if got := h.Status(time.Now()).Flows; !slices.Equal(got, want) {
			t.Errorf("flows %v, want %v", got, want)
		}
	})
}
