package delivery

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

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
