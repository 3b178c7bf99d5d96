package delivery

import (
	"container/heap"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

const (
	// writeTimeout is the deadline of one attempt: half of the API server's own
	// default for a request, because a create is among its fastest.
	writeTimeout = 30 * time.Second
	// remembered is the number of IDs of written builds that are kept to save calls
	// for repeated Events. Nothing else depends on it.
	remembered = 4096
	// logEvery is the shortest interval between two messages of one kind.
	logEvery = time.Minute
	// bytesPerBuild times limits.queued is the limit in bytes. Events of Kubernetes'
	// own components have 1 KiB; the largest, after event.Trim, event.MaxSize.
	bytesPerBuild = 16 << 10
)

// Options are the dependencies and settings of a Queue.
type Options struct {
	// Destination is the name of the Sink in metrics and log.
	Destination string
	// Messages is whether the Sink sends messages instead of creating builds.
	Messages bool
	Sink     Sink
	// Limits bound how many builds wait, and how fast they are created.
	Limits limit.Limits
	// Workers is the number of concurrent writes.
	Workers int
	// Grace is how long a stopping Queue waits for attempts in progress.
	Grace    time.Duration
	Log      *slog.Logger
	Metrics  *Metrics
	Reporter Reporter
	// Observer is nil for none.
	Observer Observer
	// emptied is called when no build is left; nil for none.
	emptied func()
}

// Queue delivers accepted builds.
type Queue struct {
	destination string
	messages    bool
	workers     int
	grace       time.Duration
	log         *slog.Logger
	metrics     *series
	all         *Metrics
	reporter    Reporter
	observer    Observer
	emptied     func()
	// wake wakes the dispatcher.
	wake chan struct{}

	mu      sync.Mutex
	sink    Sink
	limiter *limiter
	// flows has the waiting builds, in turn; those that sleep are in retries too.
	flows   *limit.Flows[*pending]
	retries retries
	// retrySlot is when the next failed build may be retried.
	retrySlot time.Time
	breaker   breaker
	// pending has the builds without an outcome, by ID, and bytes is their size.
	pending map[string]*pending
	bytes   int
	writing int
	recent  *lru.Cache[string, struct{}]
	logged  map[string]*rate.Sometimes
	// stop ends Run; nil if it does not run.
	stop context.CancelFunc
}

// NewQueue returns a Queue that accepts builds at once and writes them while Run runs.
func NewQueue(o Options) *Queue {
	recent, err := lru.New[string, struct{}](remembered)
	if err != nil {
		panic("delivery: a constant cache size was refused: " + err.Error())
	}
	log := o.Log
	if o.Destination != "" {
		log = log.With("destination", o.Destination)
	}
	own := o.Metrics.of(o.Destination)
	q := &Queue{
		destination: o.Destination, messages: o.Messages, sink: o.Sink, workers: o.Workers, grace: o.Grace, log: log, metrics: own, all: o.Metrics, reporter: o.Reporter, observer: o.Observer, emptied: o.emptied,
		wake:    make(chan struct{}, 1),
		limiter: newLimiter(o.Limits, log, own),
		flows:   limit.NewFlows[*pending](),
		pending: map[string]*pending{},
		recent:  recent,
		logged:  map[string]*rate.Sometimes{},
	}
	if q.observer == nil {
		q.observer = noObserver{}
	}
	if q.emptied == nil {
		q.emptied = func() {}
	}
	o.Metrics.show(o.Destination, q)
	return q
}

// Add queues b and never blocks. The tracker's Done is called when the version of
// b.Event has an outcome. A build that already waits is not queued twice. If too many
// wait, the newest of the longest flow is dropped, which may be b.
func (q *Queue) Add(b Build, tracker Tracker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	version := b.Event.ResourceVersion
	if p, waits := q.pending[b.ID]; waits {
		p.join(tracker, version)
		return
	}
	if q.recent.Contains(b.ID) {
		q.metrics.count(Exists, 1)
		tracker.Done(version)
		return
	}
	p := &pending{build: b, version: version, size: b.Event.Size(), received: time.Now(), oldest: []claim{{tracker, version}}}
	q.pending[b.ID] = p
	q.bytes += p.size
	q.flows.Add(p)
	q.shedLocked(p.Flow())
	q.signal()
}

// Limit applies other limits. Waiting builds keep their place.
func (q *Queue) Limit(l limit.Limits) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limiter.change(l, time.Now())
	q.shedLocked(limit.Flow{})
	q.signal()
}

// Replace replaces the Sink for all builds, including waiting ones. It resets the
// backoff, because the new Sink may work.
func (q *Queue) Replace(s Sink) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sink == s {
		return
	}
	q.sink, q.breaker, q.retrySlot = s, breaker{}, time.Now()
	for _, p := range q.retries {
		p.due = q.retrySlot
	}
	heap.Init(&q.retries)
	q.signal()
}

// EmptyBucket removes all tokens, because a previous process may have used them.
func (q *Queue) EmptyBucket() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limiter.bucket.Empty(time.Now())
}

// Forget forgets recently written builds, because they may not exist after the
// cluster's history went back.
func (q *Queue) Forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.recent.Purge()
}

// shedLocked drops builds until the queue is within its limits.
func (q *Queue) shedLocked(preferred limit.Flow) {
	queued := q.limiter.limits.Queued
	for len(q.pending) > queued || q.bytes > queued*bytesPerBuild && len(q.pending) > 1 {
		p, ok := q.flows.Shed(preferred)
		if !ok {
			return // the rest is being written
		}
		if p.asleep {
			heap.Remove(&q.retries, p.place)
		}
		q.limiter.abandon(p)
		q.settleLocked(p, Dropped, fmt.Sprintf("%d %ss waited, and %s is %d", len(q.pending), q.words().noun, q.words().bound, queued))
		q.sometimesLocked("queue full", func() {
			flow, length := q.longestLocked()
			q.logDropped("event", event.Key(p.build.Event), "build", p.build.ID,
				"flow", p.Flow().String(), "waiting", len(q.pending), "bytes", q.bytes, "queued", queued, "longestFlow", flow.String(), "longestFlowWaiting", length)
			q.reporter.Warn(q.words().warnDropped, fmt.Sprintf("dropped the %s of event %s: %d %ss wait, which is %s; the longest flow is %s with %d",
				q.words().noun, event.Key(p.build.Event), len(q.pending), q.words().noun, q.words().bound, flow.Namespace, length))
		})
	}
}

// longestLocked returns the flow with the most builds without an outcome, and how many
// it has. Unlike q.flows it counts those that are being written, and takes linear time.
func (q *Queue) longestLocked() (limit.Flow, int) {
	lengths := map[limit.Flow]int{}
	for _, p := range q.pending {
		lengths[p.Flow()]++
	}
	var longest FlowLength
	for flow, length := range lengths {
		if l := (FlowLength{flow, length}); longest.Length == 0 || l.compare(longest) < 0 {
			longest = l
		}
	}
	return longest.Flow, longest.Length
}

// Run writes builds until ctx ends. Then it waits for attempts in progress, within the
// grace period. Builds that wait are not written: their Events are not done, and the
// next start reads them again.
func (q *Queue) Run(ctx context.Context) {
	writes, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	work := make(chan *pending)
	var workers sync.WaitGroup
	for range q.workers {
		workers.Go(func() {
			for p := range work {
				q.attempt(writes, p)
			}
		})
	}
	q.dispatch(ctx, work)
	close(work)
	grace := time.AfterFunc(q.grace, cancel)
	defer grace.Stop()
	workers.Wait()
}

// ending stores the function that ends Run.
func (q *Queue) ending(stop context.CancelFunc) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stop = stop
}

// end ends Run if it runs, and removes the Queue from the metrics.
func (q *Queue) end() {
	q.mu.Lock()
	stop := q.stop
	q.mu.Unlock()
	if stop != nil {
		stop()
	}
	q.Close()
}

// Close removes the Queue from the metrics. It is called after Run has returned.
func (q *Queue) Close() {
	q.all.hide(q.destination, q)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limiter.clear(time.Now())
}

// dispatch sends builds to the workers until ctx ends.
func (q *Queue) dispatch(ctx context.Context, work chan<- *pending) {
	for ctx.Err() == nil {
		p, wait := q.next(time.Now())
		if p != nil {
			work <- p // a worker is free, or next would not have returned one
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// idle is how long the dispatcher waits if only another call can change the state.
const idle = time.Hour

// next returns the next build to write, charged to the limits, or how long to wait
// before calling it again.
func (q *Queue) next(now time.Time) (*pending, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.retries) > 0 && !q.retries[0].due.After(now) {
		p, _ := heap.Pop(&q.retries).(*pending)
		p.asleep = false
		q.flows.Wake(p)
	}
	wait := idle
	if len(q.retries) > 0 {
		wait = q.retries[0].due.Sub(now)
	}
	if !q.flows.Awake() || q.writing >= q.workers {
		if !q.flows.Awake() {
			q.limiter.clear(now)
		}
		return nil, wait
	}
	held, until := q.limiter.hold(now, func() (flow limit.Flow, length, waiting int) {
		flow, length = q.longestLocked()
		return flow, length, len(q.pending)
	})
	if held != "" && held != limitActive {
		return nil, min(wait, until)
	}
	switch pause, may := q.breaker.wait(now); {
	case !may:
		return nil, wait
	case pause > 0:
		return nil, min(wait, pause)
	}
	var p *pending
	if held == "" {
		p, _ = q.flows.Next(q.breaker.preferFresh())
	} else {
		// A build that may have been created and already counts as active can be
		// retried without counting again, unless too many count.
		var pause time.Duration
		if p, pause = q.unansweredLocked(now); p == nil {
			return nil, min(wait, until, pause)
		}
	}
	q.limiter.reserve(p.build.ID, now)
	q.writing++
	p.writing, p.probe = true, q.breaker.begin(p.attempts == 0)
	return p, 0
}

// unansweredLocked removes a build from the flows that may have been created, counts as
// active and is not asleep. Without one, or if too many count as active, it returns nil,
// and how long to wait for the pace.
func (q *Queue) unansweredLocked(now time.Time) (*pending, time.Duration) {
	if q.limiter.exceeded(now) {
		return nil, idle
	}
	for _, p := range q.pending {
		if p.unanswered == 0 || p.asleep || p.writing || !q.limiter.active.Counts(p.build.ID, now) {
			continue
		}
		if pause := q.limiter.bucket.Wait(now); pause > 0 {
			return nil, pause
		}
		q.flows.Remove(p)
		return p, 0
	}
	return nil, idle
}

// attempt writes a build once.
func (q *Queue) attempt(ctx context.Context, p *pending) {
	q.mu.Lock()
	sink := q.sink
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	outcome, err := sink.Write(ctx, p.build)
	cancel()
	if left := q.answered(p, outcome, err); left == 0 {
		q.emptied()
	}
}

// answered records the answer to an attempt, and returns how many builds are left.
func (q *Queue) answered(p *pending, outcome Outcome, err error) (left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.signal()
	now := time.Now()
	q.writing--
	p.writing = false
	if err != nil {
		failed := failureOf(err)
		if failed.Reason != Permanent {
			q.failLocked(p, failed, now)
			return len(q.pending)
		}
		outcome = Refused
	}
	q.breaker.succeed()
	q.limiter.settle(p, outcome, now)
	if p.attempts > 0 {
		q.letRetriesPassLocked(now)
	}
	why := ""
	if outcome == Refused {
		why = err.Error()
		q.logRefused("event", event.Key(p.build.Event), "build", p.build.ID, "err", err)
		q.reporter.Warn(q.words().warnRefused, fmt.Sprintf("event %s is not %s: %v", event.Key(p.build.Event), q.words().done, err))
	}
	q.settleLocked(p, outcome, why)
	return len(q.pending)
}

// failLocked puts a build that was not written to sleep until its next attempt.
func (q *Queue) failLocked(p *pending, failed *AttemptError, now time.Time) {
	q.breaker.fail(now, p.probe, failed.RetryAfter)
	q.limiter.fail(p, failed.MayHaveWritten, now)
	p.attempts++
	p.failed, p.asleep = now, true
	p.due = now.Add(p.backoff())
	if p.due.Before(q.retrySlot) {
		p.due = q.retrySlot
	}
	q.retrySlot = p.due.Add(retryEvery)
	heap.Push(&q.retries, p)
	q.flows.Sleep(p)
	q.metrics.retries.WithLabelValues(string(failed.Reason)).Inc()
	q.sometimesLocked("retry "+string(failed.Reason), func() {
		q.logFailed("event", event.Key(p.build.Event), "build", p.build.ID,
			"reason", string(failed.Reason), "attempts", p.attempts, "waiting", len(q.pending), "err", failed.Err)
	})
}

// letRetriesPassLocked ends the interval between builds that failed before, because one
// of them succeeded.
func (q *Queue) letRetriesPassLocked(now time.Time) {
	if !q.retrySlot.After(now) {
		return
	}
	q.retrySlot = now
	for _, p := range q.retries {
		p.due = p.failed.Add(p.backoff())
	}
	heap.Init(&q.retries)
}

// settleLocked records the outcome of p. why is why it was refused or dropped.
func (q *Queue) settleLocked(p *pending, outcome Outcome, why string) {
	b := p.build
	q.observer.Settled(b, outcome, why)
	delete(q.pending, b.ID)
	q.bytes -= p.size
	if outcome != Refused && outcome != Dropped {
		q.recent.Add(b.ID, struct{}{})
	}
	q.metrics.count(outcome, 1)
	if p.joined > 0 {
		if outcome == Created || outcome == Sent {
			q.metrics.count(Exists, p.joined) // one was created or sent for all of them
		} else {
			q.metrics.count(outcome, p.joined)
		}
	}
	switch outcome {
	case Created:
		q.observeLatency(p)
		q.log.Info("build created", "build", b.ID, "project", b.ProjectID, "event", event.Key(b.Event), "by", b.By)
	case Sent:
		q.observeLatency(p)
		q.log.Info("message sent", "build", b.ID, "event", event.Key(b.Event), "by", b.By)
	case DryRun:
		if b.Destination != "" {
			q.log.Info("dry run: message encoded, not sent", "build", b.ID, "event", event.Key(b.Event), "by", b.By)
		} else {
			q.log.Info("dry run: build checked, not created", "build", b.ID, "project", b.ProjectID, "event", event.Key(b.Event), "by", b.By)
		}
	case Exists:
		q.log.Debug("build exists", "build", b.ID, "project", b.ProjectID, "event", event.Key(b.Event), "by", b.By)
	case Refused, Dropped: // logged where it was decided
	}
	p.done()
}

// observeLatency records the latency of p, which was just written.
func (q *Queue) observeLatency(p *pending) {
	q.metrics.latency.WithLabelValues("receipt").Observe(time.Since(p.received).Seconds())
	q.metrics.latency.WithLabelValues("occurrence").Observe(max(time.Since(event.Occurred(p.build.Event)), 0).Seconds())
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

// countFlows returns how many flows have waiting builds, and how many the longest
// has. What is being written is not counted.
func (q *Queue) countFlows() (flows, longest int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, longest = q.flows.Longest()
	return q.flows.Count(), longest
}

// signal wakes the dispatcher.
func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it is already woken
	}
}

// sometimesLocked calls f, at most once in logEvery for each kind.
func (q *Queue) sometimesLocked(kind string, f func()) {
	s := q.logged[kind]
	if s == nil {
		s = &rate.Sometimes{Interval: logEvery}
		q.logged[kind] = s
	}
	s.Do(f)
}
