package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
)

// measureThroughput measures builds per second while accepted Events are created as
// fast as the API server accepts them, from the first Event's creation to the last
// Secret on a watch.
//
// The bare client has the same load: as many loaders create the same Events, and it
// gets each in memory as soon as it is created. So it is a gateway that does not
// watch, decide, name, count, log or store.
func measureThroughput(ctx context.Context, b *bench) error {
	lines := []throughputLine{{events: b.scale.Burst, workers: 16, reach: 0.85}}
	for _, workers := range []int{1, 4, 16, 64} {
		lines = append(lines, throughputLine{events: b.scale.Throughput, workers: workers, reach: 0.8})
	}
	for _, line := range lines {
		line.row, line.size = "throughput", line.workers
		line.name = fmt.Sprintf("%d Events, --workers %d", line.events, line.workers)
		if err := b.throughput(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// throughputLine is one line of builds per second.
type throughputLine struct {
	row, name string
	size      int
	// watch is the namespace of the Events, or empty for a new one each time.
	watch   string
	events  int
	workers int
	// args are further flags of the gateway.
	args []string
	// open opens browsers on the page while Events come; nil for none.
	open openBrowsers
	// reach is the goal for the ratio.
	reach float64
}

// throughput measures and adds one line.
func (b *bench) throughput(ctx context.Context, line throughputLine) error {
	median, err := b.medianOf(
		func() (float64, error) { return b.gatewayRate(ctx, false, line) },
		func() (float64, error) { return b.bareRate(ctx, line) },
	)
	if err != nil {
		return err
	}
	m := measurement{
		Row: line.row, Case: line.name, Unit: "builds/s", Size: line.size,
		Gateway: &median.gateway, Bare: &median.bare,
		ToReach: fmt.Sprintf("ratio ≥ %g", line.reach), Reached: new(median.gateway >= line.reach*median.bare),
	}
	if b.baseline != "" && line.watch == "" {
		rate, err := b.gatewayRate(ctx, true, line)
		if err != nil {
			return err
		}
		m.Baseline = &rate
	}
	b.add(m)
	return nil
}

// rateWithin is the time limit of one measurement. A gateway that is slower has the
// rate of the builds that it created.
const rateWithin = time.Minute

// gatewayRate returns a gateway's builds per second.
func (b *bench) gatewayRate(ctx context.Context, baseline bool, line throughputLine) (rate float64, err error) {
	fresh, seen, err := b.place(ctx)
	if err != nil {
		return 0, err
	}
	defer seen.stop()
	l := launch{
		baseline: baseline, watch: cmp.Or(line.watch, fresh), builds: fresh,
		limits: limitsOff, args: append([]string{"--workers", strconv.Itoa(line.workers)}, line.args...),
	}
	err = b.with(l, func(g *gateway) error {
		if err := b.awaitWorking(ctx, g, l.watch, seen); err != nil {
			return err
		}
		open, err := b.watchPage(ctx, g, line.open)
		if err != nil {
			return err
		}
		defer open.close()
		name := fresh + "-live" // Events of earlier measurements may exist
		n, began := line.events, time.Now()
		if err := newLoad(b.admin, l.watch, name).burst(ctx, n, 1, nil); err != nil {
			return err
		}
		t, err := seen.await(ctx, name, n, rateWithin)
		var late *lateError
		switch {
		case errors.As(err, &late):
			rate = float64(t.events) / time.Since(began).Seconds()
			return nil
		case err == nil && t.repeats > 0:
			return fmt.Errorf("%d of %d Events have more than one build", t.repeats, n)
		}
		rate = float64(n) / t.last.Sub(began).Seconds()
		return err
	})
	return rate, err
}

// bareRate returns the bare client's builds per second.
func (b *bench) bareRate(ctx context.Context, line throughputLine) (float64, error) {
	fresh, seen, err := b.place(ctx)
	if err != nil {
		return 0, err
	}
	defer seen.stop()
	name, n := fresh+"-live", line.events
	events := make(chan *corev1.Event, n)
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return newBare(b.worker, fresh).work(ctx, line.workers, events) })
	group.Go(func() error {
		defer close(events)
		return newLoad(b.admin, cmp.Or(line.watch, fresh), name).burst(ctx, n, 1, func(e *corev1.Event) { events <- e })
	})
	group.Go(func() error {
		_, err := seen.await(ctx, name, n, rateWithin)
		return err
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	t, err := seen.of(name)
	return float64(n) / t.last.Sub(began).Seconds(), err
}
