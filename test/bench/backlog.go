package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
)

// measureBacklog measures how fast accepted Events that exist at start are built,
// from the start of the process to the last Secret. The bare client lists the same
// Events in pages and creates a Secret of each, page by page.
func measureBacklog(ctx context.Context, b *bench) error {
	const workers = 16 // the gateway's default
	n := b.scale.Backlog
	waiting, err := b.namespace(ctx)
	if err != nil {
		return err
	}
	b.logf("  creating %d Events", n)
	if err := newLoad(b.admin, waiting, backlog).burst(ctx, n, 1, nil); err != nil {
		return err
	}
	median, err := b.medianOf(
		func() (float64, error) {
			took, err := b.gatewayClears(ctx, waiting, n)
			return float64(n) / took.Seconds(), err
		},
		func() (float64, error) {
			took, err := b.bareClears(ctx, waiting, n, workers)
			return float64(n) / took.Seconds(), err
		},
	)
	if err != nil {
		return err
	}
	b.add(measurement{
		Row: "backlog", Case: fmt.Sprintf("%d Events wait at start", n), Unit: "builds/s", Size: n,
		Gateway: &median.gateway, Bare: &median.bare,
		ToReach: "ratio ≥ 0.8", Reached: new(median.gateway >= 0.8*median.bare),
		Note: fmt.Sprintf("%.1f s against %.1f s", float64(n)/median.gateway, float64(n)/median.bare),
	})
	return nil
}

const (
	// backlog is the load that exists at start.
	backlog = "backlog"
	// clearWithin is the time limit for building it.
	clearWithin = 10 * time.Minute
)

// gatewayClears returns how long our gateway takes to clear the backlog.
func (b *bench) gatewayClears(ctx context.Context, waiting string, n int) (took time.Duration, err error) {
	fresh, seen, err := b.place(ctx)
	if err != nil {
		return 0, err
	}
	defer seen.stop()
	l := launch{watch: waiting, builds: fresh, limits: limitsOff, args: []string{"--replay-existing"}}
	err = b.with(l, func(g *gateway) error {
		t, err := seen.await(ctx, backlog, n, clearWithin)
		took = t.last.Sub(g.started)
		if err == nil && t.repeats > 0 {
			err = fmt.Errorf("%d of %d Events have more than one build", t.repeats, n)
		}
		return err
	})
	return took, err
}

// bareClears returns how long the bare client takes.
func (b *bench) bareClears(ctx context.Context, waiting string, n, workers int) (time.Duration, error) {
	fresh, seen, err := b.place(ctx)
	if err != nil {
		return 0, err
	}
	defer seen.stop()
	events := make(chan *corev1.Event, n)
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return newBare(b.worker, fresh).work(ctx, workers, events) })
	group.Go(func() error {
		defer close(events)
		return list(ctx, b.worker.Events(waiting), func(e *corev1.Event) { events <- e })
	})
	group.Go(func() error {
		_, err := seen.await(ctx, backlog, n, clearWithin)
		return err
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	t, err := seen.of(backlog)
	return t.last.Sub(began), err
}
