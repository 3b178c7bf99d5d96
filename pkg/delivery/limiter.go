package delivery

import (
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// The names of the limits that hold builds back, from the filter file.
const (
	limitPace   = "buildsPerMinute"
	limitActive = "activeBuilds"
	// limitPaused is `paused`, which holds all builds back.
	limitPaused = "paused"
)

// limiter charges each create to the limits before it is sent, and gives that back if
// nothing was created. It shows in log and metrics which limit holds builds back.
type limiter struct {
	limits limit.Limits
	bucket *limit.Bucket
	active *limit.Active
	// counted is when existing worker pods are counted and those of the previous
	// leader have had time to appear. Before it, activeBuilds allows no build.
	counted time.Time

	log     *slog.Logger
	metrics *series
	holds   map[string]*hold
}

// hold is the state of one limit.
type hold struct {
	held  bool
	began time.Time
	ended time.Time
	// since is when the limit began to hold builds back.
	since     time.Time
	sometimes *rate.Sometimes
}

// sameHold is the longest break after which builds that are held back again count
// as held back all the time, because a limit of builds a minute lets one pass from
// time to time.
const sameHold = time.Second

func newLimiter(l limit.Limits, log *slog.Logger, m *series) *limiter {
	now := time.Now()
	c := &limiter{limits: l, bucket: limit.NewBucket(l, now), active: limit.NewActive(), log: log, metrics: m, holds: map[string]*hold{}}
	for _, name := range []string{limitPace, limitActive, limitPaused} {
		c.holds[name] = &hold{sometimes: &rate.Sometimes{Interval: logEvery}}
	}
	return c
}

// change applies other limits.
func (c *limiter) change(l limit.Limits, now time.Time) {
	if (l.ActiveBuilds > 0) != (c.limits.ActiveBuilds > 0) {
		c.active, c.counted = limit.NewActive(), time.Time{} // no worker pods are counted, or were counted so far
	}
	c.limits = l
	c.bucket.Change(l, now)
}

// hold returns the limit that holds builds back, and for how long if nothing else
// changes, or "". waiting returns the longest flow and the numbers of waiting builds,
// for the log.
func (c *limiter) hold(now time.Time, waiting func() (limit.Flow, int, int)) (string, time.Duration) {
	name, wait := c.check(now)
	for limitName, h := range c.holds {
		if limitName != name {
			c.release(limitName, h, now)
		}
	}
	if name == "" {
		return "", 0
	}
	h := c.holds[name]
	if !h.held {
		h.held, h.began = true, now
		if now.Sub(h.ended) > sameHold {
			h.since = now
		}
		c.metrics.heldBack.WithLabelValues(name).Set(1)
	}
	h.sometimes.Do(func() {
		flow, length, all := waiting()
		c.log.Info("builds held back by limit", "limit", name, "for", now.Sub(h.since).Round(time.Second).String(),
			"waiting", all, "longestFlow", flow.String(), "longestFlowWaiting", length)
	})
	return name, wait
}

// check returns which limit holds builds back, and for how long.
func (c *limiter) check(now time.Time) (string, time.Duration) {
	if c.limits.Paused {
		return limitPaused, idle
	}
	if c.limits.ActiveBuilds > 0 {
		switch {
		case c.counted.IsZero():
			return limitActive, idle
		case now.Before(c.counted):
			return limitActive, c.counted.Sub(now)
		case c.active.Count(now) >= c.limits.ActiveBuilds:
			if next, ok := c.active.Next(); ok {
				return limitActive, max(next.Sub(now), 0)
			}
			return limitActive, idle
		}
	}
	if wait := c.bucket.Wait(now); wait > 0 {
		return limitPace, wait
	}
	return "", 0
}

// exceeded reports whether more builds count as active than activeBuilds allows, as after
// it was lowered.
func (c *limiter) exceeded(now time.Time) bool {
	return c.active.Count(now) > c.limits.ActiveBuilds
}

// clear records that nothing is held back.
func (c *limiter) clear(now time.Time) {
	for name, h := range c.holds {
		c.release(name, h, now)
	}
}

func (c *limiter) release(name string, h *hold, now time.Time) {
	if !h.held {
		return
	}
	h.held, h.ended = false, now
	c.metrics.heldBack.WithLabelValues(name).Set(0)
	c.metrics.heldBackSeconds.WithLabelValues(name).Add(now.Sub(h.began).Seconds())
}

// reserve charges an attempt at the build with the given ID.
func (c *limiter) reserve(id string, now time.Time) {
	c.bucket.Reserve()
	if c.limits.ActiveBuilds > 0 {
		c.active.Reserve(id, now)
	}
}

// settle ends the charges of an attempt with the given outcome. Charges of earlier
// attempts without an answer are given back if it is now known that they created
// nothing.
func (c *limiter) settle(p *pending, o Outcome, now time.Time) {
	id := p.build.ID
	switch o {
	case Created:
		c.refund(p)
		c.bucket.Spend(now)
		c.active.Created(id, now)
	case Sent:
		c.abandon(p) // each attempt without an answer may have been a repeat
		c.bucket.Spend(now)
		c.active.Release(id)
	case DryRun:
		c.bucket.Spend(now)
		c.active.Release(id)
	case Exists:
		c.bucket.Release()
		if p.doubts > 0 { // one of them created it
			c.bucket.Settle(p.era)
			p.doubts--
		}
		c.refund(p)
		if p.unanswered == 0 {
			c.active.Release(id)
		}
	default:
		c.bucket.Release()
		if p.build.Destination == "" {
			c.refund(p)
		}
		c.abandon(p) // a receiver may have accepted an attempt without an answer
		c.active.Release(id)
	}
}

// refund gives back the charges of attempts without an answer.
func (c *limiter) refund(p *pending) {
	for range p.doubts {
		c.bucket.Refund(p.era)
	}
	p.doubts = 0
}

// abandon records that it stays unknown whether the attempts at p without an answer
// created it.
func (c *limiter) abandon(p *pending) {
	for range p.doubts {
		c.bucket.Settle(p.era)
	}
	p.doubts = 0
}

// fail ends the charges of a failed attempt, unless it may have created the build.
func (c *limiter) fail(p *pending, mayHaveWritten bool, now time.Time) {
	if mayHaveWritten {
		p.unanswered++
		if era := c.bucket.Doubt(now); era != p.era {
			p.era, p.doubts = era, 0
		}
		p.doubts++
		c.active.Created(p.build.ID, now)
		return
	}
	c.bucket.Release()
	if p.unanswered == 0 {
		c.active.Release(p.build.ID)
	}
}

// Recount begins to count the worker pods again. Until Counted is called, activeBuilds
// allows no build.
func (q *Queue) Recount() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limiter.active.Recount()
	q.limiter.counted = time.Time{}
}

// Counted records that existing worker pods have been counted. Builds may be created
// from the given time on.
func (q *Queue) Counted(from time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limiter.counted = from
	q.signal()
}

// WorkerAppeared records that the worker pod of a build is pending or running.
func (q *Queue) WorkerAppeared(buildID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limiter.active.Appeared(buildID)
}

// WorkerEnded records that the worker pod of a build has ended.
func (q *Queue) WorkerEnded(buildID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limiter.active.Ended(buildID)
	q.signal()
}
