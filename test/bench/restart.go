package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The loads of a restart: Events that were built before, and Events that were created
// while no gateway ran.
const (
	before    = "before"
	meanwhile = "meanwhile"
)

// restarted is the result of a restart.
type restarted struct {
	// repeats is the number of second builds, and lost the number of Events without
	// a build.
	repeats, lost int
	// caughtUp is the time from the start to the last build.
	caughtUp time.Duration
}

// measureRestart kills a gateway that has built many Events, creates Events while it
// does not run, and starts it again.
func measureRestart(ctx context.Context, b *bench) error {
	ours, err := b.restart(ctx, false)
	if err != nil {
		return err
	}
	lines := []measurement{
		{Case: "built again", Unit: "builds", Gateway: new(float64(ours.repeats)), ToReach: "0", Reached: new(ours.repeats == 0)},
		{Case: "lost", Unit: "builds", Gateway: new(float64(ours.lost)), ToReach: "0", Reached: new(ours.lost == 0)},
		{Case: "start to the last build of Events created meanwhile", Unit: "s", Gateway: new(ours.caughtUp.Seconds())},
	}
	if b.baseline != "" {
		theirs, err := b.restart(ctx, true)
		if err != nil {
			return err
		}
		lines[0].Baseline, lines[1].Baseline = new(float64(theirs.repeats)), new(float64(theirs.lost))
		lines[2].Baseline = new(theirs.caughtUp.Seconds())
		lines[0].Note = fmt.Sprintf("the other gateway was watched for %s", rateWithin)
	}
	for _, line := range lines {
		line.Row = "restart"
		b.add(line)
	}
	return nil
}

// restart kills a gateway and starts it again.
func (b *bench) restart(ctx context.Context, baseline bool) (r restarted, err error) {
	namespace, seen, err := b.place(ctx)
	if err != nil {
		return r, err
	}
	defer seen.stop()
	l := launch{
		baseline: baseline, watch: namespace, builds: namespace, limits: limitsOff,
		args: []string{"--position-configmap", namespace + "/position"},
	}
	n := b.scale.Restart
	err = b.with(l, func(g *gateway) error {
		if err := b.awaitWorking(ctx, g, namespace, seen); err != nil {
			return err
		}
		if err := newLoad(b.admin, namespace, before).burst(ctx, n, 1, nil); err != nil {
			return err
		}
		_, err := seen.await(ctx, before, n, clearWithin)
		g.process.Kill()
		return err
	})
	if err != nil {
		return r, err
	}
	if err := newLoad(b.admin, namespace, meanwhile).burst(ctx, n, 1, nil); err != nil {
		return r, err
	}
	err = b.with(l, func(g *gateway) error {
		t, err := seen.await(ctx, meanwhile, n, rateWithin)
		var late *lateError
		if err != nil && !errors.As(err, &late) {
			return err
		}
		r.lost, r.caughtUp = n-t.events, t.last.Sub(g.started)
		if baseline {
			// Second builds, if any, come one after the other.
			err = pause(ctx, max(rateWithin-time.Since(g.started), 0))
		} else {
			err = pause(ctx, settleTime)
		}
		again, _ := seen.of(before)
		r.repeats = again.repeats + t.repeats
		return err
	})
	return r, err
}
