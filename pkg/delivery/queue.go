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
