package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// lease is the lease duration of the gateway (that of Kubernetes' own
	// components), and failoverGrace the additional time.
	lease         = 15 * time.Second
	failoverGrace = 2 * time.Second
	// failoverPace is the number of Events a second that are created.
	failoverPace = 5
)

// measureFailover measures the time from killing the leader to the standby's first
// build, and reports the longest of several.
func measureFailover(ctx context.Context, b *bench) error {
	var took []time.Duration
	for range b.scale.Failovers {
		d, err := b.failover(ctx)
		if err != nil {
			return err
		}
		b.logf("  %s", d)
		took = append(took, d)
	}
	longest := slices.Max(took)
	b.add(measurement{
		Row: "failover", Case: fmt.Sprintf("longest of %d", len(took)), Unit: "s", Gateway: new(longest.Seconds()),
		ToReach: fmt.Sprintf("≤ %.0f s", (lease + failoverGrace).Seconds()), Reached: new(longest <= lease+failoverGrace),
		Note: "every Event has one build",
	})
	return nil
}

// failover kills a leader and returns the time without a build.
func (b *bench) failover(ctx context.Context) (took time.Duration, err error) {
	err = b.withStandby(ctx, func(leader *gateway, namespace string, seen *builds) error {
		const orphans = "orphan"
		killed := time.Now()
		leader.process.Kill()
		t, err := b.buildOnce(ctx, namespace, seen, orphans, failoverPace, 2*lease)
		took = t.first.Sub(killed)
		return err
	})
	return took, err
}
