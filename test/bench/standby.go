package main

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// withStandby calls f with a leader that builds and a standby. They share a
// namespace, a Lease and a position; seen has the builds in it.
func (b *bench) withStandby(ctx context.Context, f func(leader *gateway, namespace string, seen *builds) error) error {
	namespace, seen, err := b.place(ctx)
	if err != nil {
		return err
	}
	defer seen.stop()
	replica := b.replica(namespace)
	leader, err := b.start(replica)
	if err != nil {
		return err
	}
	defer leader.process.Kill()
	if _, err := leader.await(ctx, watching); err != nil {
		return err
	}
	return b.with(replica, func(standby *gateway) error {
		if _, err := standby.await(ctx, standingBy); err != nil {
			return err
		}
		if err := b.awaitWorking(ctx, leader, namespace, seen); err != nil {
			return err
		}
		return f(leader, namespace, seen)
	})
}

// buildOnce creates the given number of Events a second for the given time, and waits
// until each has a build. A second build is an error.
func (b *bench) buildOnce(ctx context.Context, namespace string, seen *builds, load string, pace int, within time.Duration) (tally, error) {
	if err := newLoad(b.admin, namespace, load).pace(ctx, pace, within, func(*corev1.Event) error { return nil }); err != nil {
		return tally{}, err
	}
	t, err := seen.await(ctx, load, int(within.Seconds())*pace, patience)
	if err == nil && t.repeats > 0 {
		err = errors.New("some Events have more than one build")
	}
	return t, err
}

// replica returns how to start one of the replicas.
func (b *bench) replica(namespace string) launch {
	return launch{watch: namespace, builds: namespace, limits: limitsOff, args: []string{
		"--leader-elect", "--leader-elect-lease", namespace + "/lease", "--position-configmap", namespace + "/position",
	}}
}
