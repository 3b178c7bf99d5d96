package main

import (
	"context"
	"fmt"
	"time"
)

// stormToReach is the peak memory in a storm, in MiB.
const stormToReach = 128

// measureStorm measures the memory of a gateway with a limit of one build a second and
// many more accepted Events: first while they are created, then with all of them at
// start.
func measureStorm(ctx context.Context, b *bench) error {
	n := b.scale.Storm
	watch, err := b.namespace(ctx)
	if err != nil {
		return err
	}
	live := launch{watch: watch, builds: watch, limits: limitsOn}
	err = b.with(live, func(g *gateway) error {
		if _, err := g.await(ctx, watching); err != nil {
			return err
		}
		b.logf("  creating %d Events", n)
		if err := newLoad(b.admin, watch, "storm").burst(ctx, n, 1, nil); err != nil {
			return err
		}
		return b.stormMemory(ctx, g, "that come")
	})
	if err != nil {
		return err
	}
	atStart := live
	atStart.args = []string{"--replay-existing"}
	if atStart.builds, err = b.namespace(ctx); err != nil {
		return err
	}
	return b.with(atStart, func(g *gateway) error {
		if _, err := g.await(ctx, watching); err != nil {
			return err
		}
		return b.stormMemory(ctx, g, "that are there at start")
	})
}

// stormMemory adds a line with the memory of a gateway after the storm.
func (b *bench) stormMemory(ctx context.Context, g *gateway, how string) error {
	if err := pause(ctx, settleTime); err != nil {
		return err
	}
	m, err := memoryOf(g.process.PID())
	if err != nil {
		return err
	}
	b.add(measurement{
		Row: "storm", Case: fmt.Sprintf("peak, %d accepted Events %s", b.scale.Storm, how), Unit: "MiB", Size: b.scale.Storm,
		Gateway: new(m.peak / mib), ToReach: fmt.Sprintf("< %d MiB", stormToReach), Reached: new(m.peak < stormToReach*mib),
		Note: fmt.Sprintf("%.3g MiB now", m.now/mib),
	})
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
