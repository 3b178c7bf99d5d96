package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	mib = 1 << 20
	// settleTime is how long a gateway idles before its settled memory is read. Go's
	// scavenger returns all unused memory after two minutes; this is the memory soon
	// after the work.
	settleTime = 15 * time.Second
	// peakToReach is the peak with 100,000 Events retained.
	peakToReach = 48
)

// measureMemory measures the peak and the settled resident memory of a gateway that
// starts with many retained Events, builds the accepted ones, and then idles.
func measureMemory(ctx context.Context, b *bench) error {
	for _, n := range b.scale.Retained {
		watch, err := b.retain(ctx, n)
		if err != nil {
			return err
		}
		choices := []string{"summary"}
		if n == 100_000 {
			choices = append(choices, "none", "full")
		}
		for _, choice := range choices {
			if err := b.memory(ctx, watch, n, choice); err != nil {
				return err
			}
		}
	}
	return nil
}

// memory adds two lines: peak and settled.
func (b *bench) memory(ctx context.Context, watch string, n int, logEvents string) error {
	ours, logged, err := b.memoryWith(ctx, launch{watch: watch, limits: limitsOff, args: []string{"--replay-existing", "--log-events", logEvents}}, n)
	if err != nil {
		return err
	}
	peak := measurement{Row: "memory", Case: fmt.Sprintf("peak, %d retained, --log-events %s", n, logEvents), Unit: "MiB", Size: n, Gateway: new(ours.peak / mib)}
	settled := measurement{Row: "memory", Case: fmt.Sprintf("settled, %d retained, --log-events %s", n, logEvents), Unit: "MiB", Size: n, Gateway: new(ours.now / mib)}
	settled.Note = fmt.Sprintf("%.3g MiB of it are pages of the binary", ours.file/mib)
	peak.Note = fmt.Sprintf("%.1f MiB of log", logged/mib)
	if n == 100_000 {
		peak.ToReach, peak.Reached = fmt.Sprintf("< %d MiB", peakToReach), new(ours.peak < peakToReach*mib)
	}
	if b.baseline != "" && logEvents == "summary" {
		theirs, _, err := b.memoryWith(ctx, launch{baseline: true, watch: watch}, n)
		if err != nil {
			return err
		}
		peak.Baseline, settled.Baseline = new(theirs.peak/mib), new(theirs.now/mib)
	}
	b.add(peak)
	b.add(settled)
	return nil
}

// memoryWith runs a gateway on n retained Events and returns its memory, and
// how many bytes it logged.
func (b *bench) memoryWith(ctx context.Context, l launch, n int) (m memory, logged float64, err error) {
	l.builds = l.watch // the other gateway has only one namespace
	if !l.baseline {
		if l.builds, err = b.namespace(ctx); err != nil {
			return memory{}, 0, err
		}
	}
	seen, err := watchBuilds(ctx, b.admin, l.builds)
	if err != nil {
		return memory{}, 0, err
	}
	defer seen.stop()
	err = b.with(l, func(g *gateway) error {
		_, err := seen.await(ctx, retainedLoad, n/acceptedShare, patience)
		var late *lateError
		if err != nil && (!l.baseline || !errors.As(err, &late)) {
			return err
		}
		if err := pause(ctx, settleTime); err != nil {
			return err
		}
		m, err = memoryOf(g.process.PID())
		logged = float64(g.messages.size())
		return err
	})
	return m, logged, err
}
