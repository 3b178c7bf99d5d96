package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	namespace, seen, err := b.place(ctx)
	if err != nil {
		return 0, err
	}
	defer seen.stop()
	replica := b.replica(namespace)
	leader, err := b.start(replica)
	if err != nil {
		return 0, err
	}
	defer leader.Kill()
	if _, err := leader.await(ctx, watching); err != nil {
		return 0, err
	}
	err = b.with(replica, func(standby *gateway) error {
		if _, err := standby.await(ctx, standingBy); err != nil {
			return err
		}
		if err := b.awaitWorking(ctx, leader, namespace, seen); err != nil {
			return err
		}
		const orphans = "orphan"
		killed := time.Now()
		leader.Kill()
		err := newLoad(b.admin, namespace, orphans).pace(ctx, failoverPace, 2*lease, func(*corev1.Event) error { return nil })
		if err != nil {
			return err
		}
		created := int(2*lease.Seconds()) * failoverPace
		t, err := seen.await(ctx, orphans, created, patience)
		if err == nil && t.repeats > 0 {
			err = errors.New("some Events have more than one build")
		}
		took = t.first.Sub(killed)
		return err
	})
	return took, err
}
