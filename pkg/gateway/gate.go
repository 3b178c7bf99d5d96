package gateway

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// The limits that hold builds back, as the filter file names them.
const (
	limitPace   = "buildsPerMinute"
	limitActive = "activeBuilds"
)

// gate holds builds back as the limits of the filter file say. It says in log
// and metrics that it does, by which limit and for how long.
type gate struct {
	pace    *limit.Pace
	log     *slog.Logger
	metrics *metrics

	mu sync.Mutex
	// active is nil where the number of active builds has no limit.
	active *limit.Active
	// changed receives when active may have room again.
	changed chan struct{}
	holding map[string]*holding
}

// holding is what one limit does.
type holding struct {
	held  bool
	began time.Time
	ended time.Time
	// since is when the limit began to hold one build back after the other.
	since time.Time
	say   *rate.Sometimes
}

// oneHold is the break after which builds that are held back are news again. A
// limit of so many builds a minute lets one pass now and then.
const oneHold = time.Second

func newGate(l limit.Limits, log *slog.Logger, m *metrics) *gate {
	g := &gate{
		pace:    limit.NewPace(l),
		log:     log,
		metrics: m,
		changed: make(chan struct{}, 1),
		holding: map[string]*holding{},
	}
	for _, limit := range []string{limitPace, limitActive} {
		g.holding[limit] = &holding{say: &rate.Sometimes{Interval: time.Minute}}
		m.heldBack.WithLabelValues(limit).Set(0) // whatever the gate before this one did
		m.heldBackSeconds.WithLabelValues(limit)
	}
	if l.ActiveBuilds > 0 {
		g.active = limit.NewActive(l.ActiveBuilds)
	}
	return g
}

// Wait holds b back until no limit does, or ctx ends.
func (g *gate) Wait(ctx context.Context, b delivery.Build) error {
	if wait := g.pace.Take(time.Now()); wait > 0 {
		g.hold(limitPace)
		err := sleep(ctx, wait, nil)
		g.release(limitPace)
		if err != nil {
			return err
		}
	}
	for {
		admitted, next := g.admit(b)
		if admitted {
			g.release(limitActive)
			return nil
		}
		g.hold(limitActive)
		if err := sleep(ctx, time.Until(next), g.changed); err != nil {
			return err
		}
	}
}

// admit counts b as active, or returns until when to wait for room at most.
func (g *gate) admit(b delivery.Build) (bool, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.active == nil || g.active.Admit(b.ID, now) {
		return true, time.Time{}
	}
	if next, ok := g.active.Next(); ok {
		return false, next
	}
	return false, now.Add(limit.AppearWithin)
}

// Settle takes a build that was not created off the count of active ones.
func (g *gate) Settle(b delivery.Build, o delivery.Outcome) {
	if o != delivery.Created {
		g.count(func(a *limit.Active) { a.Withdraw(b.ID) })
	}
}

// seen takes note of a worker pod that is pending or running.
func (g *gate) seen(obj any) {
	if id, ok := buildOf(obj); ok {
		g.count(func(a *limit.Active) { a.Appeared(id) })
	}
}

// gone takes note of a worker pod that is neither any more.
func (g *gate) gone(obj any) {
	if id, ok := buildOf(obj); ok {
		g.count(func(a *limit.Active) { a.Ended(id) })
	}
}

func (g *gate) count(change func(*limit.Active)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active == nil {
		return
	}
	change(g.active)
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// hold notes that the limit holds builds back from now on.
func (g *gate) hold(limit string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h, now := g.holding[limit], time.Now()
	if h.held {
		return
	}
	h.held, h.began = true, now
	if now.Sub(h.ended) > oneHold {
		h.since = now
	}
	g.metrics.heldBack.WithLabelValues(limit).Set(1)
	h.say.Do(func() {
		g.log.Info("builds are held back, none is lost", "limit", limit, "for", now.Sub(h.since).Round(time.Second).String())
	})
}

// release notes that the limit holds nothing back any more.
func (g *gate) release(limit string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h, now := g.holding[limit], time.Now()
	if !h.held {
		return
	}
	h.held, h.ended = false, now
	g.metrics.heldBack.WithLabelValues(limit).Set(0)
	g.metrics.heldBackSeconds.WithLabelValues(limit).Add(now.Sub(h.began).Seconds())
}

// buildOf returns the build ID of a worker pod's metadata.
func buildOf(obj any) (string, bool) {
	m, ok := obj.(metav1.Object)
	if !ok {
		return "", false
	}
	id, ok := m.GetLabels()["build"]
	return id, ok
}

// sleep waits for d, for a signal or for the end of ctx, whose error it returns.
func sleep(ctx context.Context, d time.Duration, signal <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-signal:
	}
	return nil
}
