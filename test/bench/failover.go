package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// lease is the lease duration of the gateway (that of Kubernetes' own
	// components), and failoverGrace what may come on top.
	lease         = 15 * time.Second
	failoverGrace = 2 * time.Second
	// failoverPace is how many Events a second are created meanwhile.
	failoverPace = 5
)

// measureFailover measures the time from the death of the leader to the first
// build by the replica that stood by, and shows the longest of several.
func measureFailover(ctx context.Context, b *bench) error {
	var took []time.Duration
	for range b.scale.Failovers {
		d, err := b.failover(ctx)
		if err != nil {
			return err
		}
		b.say("  %s", d)
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

// failover kills a leader and returns how long nothing is built.
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
