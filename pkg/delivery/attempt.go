package delivery

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// writeTimeout is the deadline of one attempt: half of the API server's own default for a
// request, because a create is among its fastest.
const writeTimeout = 30 * time.Second

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
