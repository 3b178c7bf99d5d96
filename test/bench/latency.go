package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// paced is the load of the row latency, and perSecond the number of its Events
	// a second.
	paced     = "paced"
	perSecond = 100
)

// times are the times at which the builder under test got Events, by name.
type times struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (t *times) note(event string) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at[event] = now
}

// measureLatency measures the time from the answer to an Event's creation to its
// Secret on a watch. For the bare client it is the time from the start of the create
// call, under the same load.
func measureLatency(ctx context.Context, b *bench) error {
	gateway, err := b.gatewayLatency(ctx, false)
	if err != nil {
		return err
	}
	bare, err := b.bareLatency(ctx)
	if err != nil {
		return err
	}
	var baseline []time.Duration
	if b.baseline != "" {
		if baseline, err = b.gatewayLatency(ctx, true); err != nil {
			return err
		}
	}
	for _, p := range []int{50, 99} {
		m := measurement{
			Row: "latency", Case: fmt.Sprintf("p%d at %d Events/s", p, perSecond), Unit: "ms",
			Gateway: new(percentile(gateway, p)), Bare: new(percentile(bare, p)),
		}
		if p == 99 {
			m.ToReach, m.Reached = "ratio ≤ 3", new(*m.Gateway <= 3**m.Bare)
		}
		if baseline != nil {
			m.Baseline = new(percentile(baseline, p))
			m.Note = fmt.Sprintf("the other gateway built %d of %d", len(baseline), len(gateway))
		}
		b.add(m)
	}
	return nil
}

// gatewayLatency returns the latencies of all builds, sorted.
func (b *bench) gatewayLatency(ctx context.Context, baseline bool) (took []time.Duration, err error) {
	namespace, seen, err := b.place(ctx)
	if err != nil {
		return nil, err
	}
	defer seen.stop()
	err = b.with(launch{baseline: baseline, watch: namespace, builds: namespace, limits: limitsOff}, func(g *gateway) error {
		if err := b.awaitWorking(ctx, g, namespace, seen); err != nil {
			return err
		}
		created := &times{at: map[string]time.Time{}}
		err := newLoad(b.admin, namespace, paced).pace(ctx, perSecond, b.scale.Latency, func(e *corev1.Event) error {
			created.note(e.Name)
			return nil
		})
		if err != nil {
			return err
		}
		took, err = created.until(ctx, seen, baseline)
		return err
	})
	return took, err
}

// bareLatency is gatewayLatency for the bare client.
func (b *bench) bareLatency(ctx context.Context) ([]time.Duration, error) {
	namespace, seen, err := b.place(ctx)
	if err != nil {
		return nil, err
	}
	defer seen.stop()
	began := &times{at: map[string]time.Time{}}
	client := newBare(b.worker, namespace)
	err = newLoad(b.admin, namespace, paced).pace(ctx, perSecond, b.scale.Latency, func(e *corev1.Event) error {
		began.note(e.Name)
		return client.create(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return began.until(ctx, seen, false)
}

// until returns how long after its time each build became visible, sorted. If some
// may be missing, it returns the others after a while.
func (t *times) until(ctx context.Context, seen *builds, someMayBeMissing bool) ([]time.Duration, error) {
	_, err := seen.await(ctx, paced, len(t.at), rateWithin)
	var late *lateError
	if err != nil && (!someMayBeMissing || !errors.As(err, &late)) {
		return nil, err
	}
	var took []time.Duration
	for event, at := range t.at {
		if visible, ok := seen.visible(event); ok {
			took = append(took, visible.Sub(at))
		}
	}
	slices.Sort(took)
	return took, nil
}

// percentile returns the p-th percentile of sorted durations in milliseconds,
// by nearest rank.
func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1].Seconds() * 1000
}
