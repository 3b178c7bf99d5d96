package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

const (
	// writeTimeout is the deadline of one attempt. It is the API server's own
	// default for a whole request, halved, for a create is among its fastest.
	writeTimeout = 30 * time.Second
	// firstBackoff and maxBackoff bound the wait between two attempts at one
	// build. The upper one is what a build waits at most once the cause has
	// gone away.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 15 * time.Second
	// remembered is how many IDs of written builds are kept to save calls for
	// Events that recur. Nothing depends on it.
	remembered = 4096
	// sayEvery is how often one kind of trouble is logged at most.
	sayEvery = time.Minute
)

// Options are what a Queue works with. All fields but Gate are needed.
type Options struct {
	Sink Sink
	// Gate holds builds back; nil lets everything pass.
	Gate Gate
	// Workers is how many builds are written at the same time.
	Workers int
	// Capacity is how many builds may wait; the newest is dropped beyond it.
	Capacity int
	// Grace is how long a stopping Queue goes on writing what is ready.
	Grace    time.Duration
	Log      *slog.Logger
	Metrics  *Metrics
	Reporter Reporter
}

// Queue takes accepted builds and sees each through to its outcome. A build
// waits first for the Gate, in the order of arrival, and is then written by
// one of the workers, again and again where that fails.
type Queue struct {
	Options
	recent *lru.Cache[string, struct{}]
	// arrived holds what waits for the Gate. It takes memory for what is in it,
	// not for all that Capacity allows, as a channel would.
	arrived workqueue.TypedInterface[*pending]
	// ready holds the IDs of what the Gate let pass, retries included.
	ready workqueue.TypedRateLimitingInterface[string]

	mu      sync.Mutex
	pending map[string]*pending
	said    map[string]*rate.Sometimes
}

// pending is a build without an outcome, and whom to tell of it.
type pending struct {
	build    Build
	received time.Time
	done     []func(Outcome)
}

// NewQueue returns a Queue that takes builds at once and writes them while it
// runs.
func NewQueue(o Options) *Queue {
	recent, err := lru.New[string, struct{}](remembered)
	if err != nil {
		panic("delivery: a constant cache size was refused: " + err.Error())
	}
	q := &Queue{
		Options: o,
		recent:  recent,
		arrived: workqueue.NewTyped[*pending](),
		ready: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstBackoff, maxBackoff)),
		pending: map[string]*pending{},
		said:    map[string]*rate.Sometimes{},
	}
	o.Metrics.current.Store(q)
	return q
}

// Add takes b and never blocks. done is called once with its outcome, possibly
// before Add returns, or never where the Queue is stopped before. A build that
// waits already is not queued twice; one that finds the Queue full is dropped.
func (q *Queue) Add(b Build, done func(Outcome)) {
	if outcome := q.take(b, done); outcome != "" {
		q.count(outcome)
		done(outcome)
	}
}

// take queues b, or returns the outcome that it has at once.
func (q *Queue) take(b Build, done func(Outcome)) Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p, waits := q.pending[b.ID]; waits {
		p.done = append(p.done, done)
		return ""
	}
	if q.recent.Contains(b.ID) {
		return Exists
	}
	if len(q.pending) >= q.Capacity {
		q.sayDroppedLocked(b)
		return Dropped
	}
	p := &pending{build: b, received: time.Now(), done: []func(Outcome){done}}
	q.pending[b.ID] = p
	q.arrived.Add(p)
	return ""
}

// Room tells whether Add knows the build with the given ID already, because it
// waits or was written lately, and how many builds that it does not know it
// would take before it drops one.
func (q *Queue) Room(id string) (known bool, left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, waits := q.pending[id]
	return waits || q.recent.Contains(id), q.Capacity - len(q.pending)
}

// Drop counts and reports n builds, one of which is b, for which the caller
// found no Room and which it therefore did not Add.
func (q *Queue) Drop(b Build, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sayDroppedLocked(b)
	q.Metrics.builds.WithLabelValues(string(Dropped)).Add(float64(n))
}

// sayDroppedLocked reports that b is dropped because the Queue is full.
func (q *Queue) sayDroppedLocked(b Build) {
	q.sayLocked("queue full", func() {
		message := fmt.Sprintf("dropped the build of event %s: %d builds wait, which is limits.queued", event.Key(b.Event), q.Capacity)
		q.Log.Error("build dropped, and others like it for the next minute", "event", event.Key(b.Event), "build", b.ID, "queued", q.Capacity)
		q.Reporter.Warn("BuildDropped", message)
	})
}

// Run writes builds until ctx ends. Then it goes on with what is ready, within
// the grace period, and returns when every worker has. What waits for the
// Gate or for another attempt is left: its Events are not done, and the next
// start takes them up.
func (q *Queue) Run(ctx context.Context) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	for range q.Workers {
		workers.Go(func() { q.work(work) })
	}
	q.admit(ctx)
	q.ready.ShutDown()
	grace := time.AfterFunc(q.Grace, cancel)
	defer grace.Stop()
	workers.Wait()
}

// admit takes builds through the Gate, one after the other, until ctx ends.
func (q *Queue) admit(ctx context.Context) {
	defer context.AfterFunc(ctx, q.arrived.ShutDown)()
	for {
		p, _ := q.arrived.Get()
		if ctx.Err() != nil { // with or without something left that waits
			return
		}
		q.arrived.Done(p)
		if q.Gate != nil && q.Gate.Wait(ctx, p.build) != nil {
			return
		}
		q.ready.Add(p.build.ID)
	}
}

// work writes what is ready until there is nothing more to come, or ctx ends.
func (q *Queue) work(ctx context.Context) {
	for {
		id, shutdown := q.ready.Get()
		if shutdown {
			return
		}
		if ctx.Err() == nil {
			q.attempt(ctx, id)
		}
		q.ready.Done(id)
	}
}

// attempt writes the build with the given ID once.
func (q *Queue) attempt(ctx context.Context, id string) {
	q.mu.Lock()
	p := q.pending[id]
	q.mu.Unlock()
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	outcome, err := q.Sink.Write(ctx, p.build)
	cancel()
	if err == nil {
		q.settle(p, outcome)
		return
	}
	reason := reasonOf(err)
	if reason == Permanent {
		q.Log.Error("build refused for good", "event", event.Key(p.build.Event), "build", id, "err", err)
		q.Reporter.Warn("BuildRefused", fmt.Sprintf("event %s is not built: %v", event.Key(p.build.Event), err))
		q.settle(p, Refused)
		return
	}
	q.Metrics.retries.WithLabelValues(string(reason)).Inc()
	q.say("retry "+string(reason), func() {
		q.Log.Warn("build not written yet, trying again until it is", "event", event.Key(p.build.Event), "build", id,
			"reason", string(reason), "attempts", q.ready.NumRequeues(id)+1, "err", err)
	})
	q.ready.AddRateLimited(id)
}

// settle ends the life of p.
func (q *Queue) settle(p *pending, outcome Outcome) {
	b := p.build
	q.mu.Lock()
	delete(q.pending, b.ID)
	if outcome != Refused {
		q.recent.Add(b.ID, struct{}{})
	}
	done := p.done
	q.mu.Unlock()
	q.ready.Forget(b.ID)

	if outcome == Created {
		q.Metrics.latency.WithLabelValues("receipt").Observe(time.Since(p.received).Seconds())
		q.Metrics.latency.WithLabelValues("occurrence").Observe(max(time.Since(event.Occurred(b.Event)), 0).Seconds())
	}
	switch outcome {
	case Created:
		q.Log.Info("build created", "build", b.ID, "project", b.ProjectID, "event", event.Key(b.Event), "by", b.By)
	case DryRun:
		q.Log.Info("build checked and not stored, as --dry-run asks", "build", b.ID, "project", b.ProjectID, "event", event.Key(b.Event), "by", b.By)
	case Exists:
		q.Log.Debug("build exists", "build", b.ID, "project", b.ProjectID, "event", event.Key(b.Event), "by", b.By)
	case Refused, Dropped: // said where it was decided
	}
	if q.Gate != nil {
		q.Gate.Settle(b, outcome)
	}
	for i, tell := range done {
		if i > 0 && outcome == Created {
			outcome = Exists // one build was created, the others found it there
		}
		q.count(outcome)
		tell(outcome)
	}
}

// Waiting returns how many builds have no outcome yet and for how long the
// oldest of them has waited.
func (q *Queue) Waiting() (depth int, oldest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, p := range q.pending {
		oldest = max(oldest, now.Sub(p.received))
	}
	return len(q.pending), oldest
}

func (q *Queue) count(o Outcome) {
	q.Metrics.builds.WithLabelValues(string(o)).Inc()
}

// say calls f, at most once in sayEvery for each kind.
func (q *Queue) say(kind string, f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sayLocked(kind, f)
}

func (q *Queue) sayLocked(kind string, f func()) {
	s := q.said[kind]
	if s == nil {
		s = &rate.Sometimes{Interval: sayEvery}
		q.said[kind] = s
	}
	s.Do(f)
}
