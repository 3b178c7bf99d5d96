package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// handoverToReach is the longest time without a build when a leader gets
	// SIGTERM and a standby takes over.
	handoverToReach = 2 * time.Second
	// handoverPace is the number of Events a second, and handoverTime how long they
	// are created.
	handoverPace = 50
	handoverTime = 12 * time.Second
	// handoverAfter is when the leader gets SIGTERM.
	handoverAfter = 3 * time.Second
)

// measureHandover measures the time without a build when a leader gets SIGTERM under
// load, and reports the longest of several.
func measureHandover(ctx context.Context, b *bench) error {
	var took []time.Duration
	for range b.scale.Handovers {
		d, err := b.handover(ctx)
		if err != nil {
			return err
		}
		b.logf("  %s", d.Round(time.Millisecond))
		took = append(took, d)
	}
	longest := slices.Max(took)
	b.add(measurement{
		Row: "handover", Case: fmt.Sprintf("longest of %d, %d Events/s", len(took), handoverPace), Unit: "s", Gateway: new(longest.Seconds()),
		ToReach: fmt.Sprintf("< %.0f s", handoverToReach.Seconds()), Reached: new(longest < handoverToReach),
		Note: fmt.Sprintf("shortest %.2f s; every Event has one build", slices.Min(took).Seconds()),
	})
	return nil
}

// handover stops a leader with SIGTERM and returns the longest time between two
// consecutive builds.
func (b *bench) handover(ctx context.Context) (longest time.Duration, err error) {
	err = b.withStandby(ctx, func(leader *gateway, namespace string, seen *builds) error {
		stopped := make(chan error, 1)
		stopping := time.AfterFunc(handoverAfter, func() { stopped <- leader.process.Stop() })
		defer stopping.Stop()
		const handed = "handed"
		if _, err := b.buildOnce(ctx, namespace, seen, handed, handoverPace, handoverTime); err != nil {
			return err
		}
		longest = seen.gap(handed)
		return <-stopped
	})
	return longest, err
}

// gap returns the longest time between two consecutive builds of a load.
func (b *builds) gap(load string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var at []time.Time
	for event, visible := range b.seen {
		if strings.HasPrefix(event, load+"-") {
			at = append(at, visible)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	var longest time.Duration
	for i := 1; i < len(at); i++ {
		longest = max(longest, at[i].Sub(at[i-1]))
	}
	return longest
}
