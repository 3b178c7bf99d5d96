package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// startToReach is the longest time of a start, and startRatio the highest ratio to the
// bare client's list.
const (
	startToReach = 5 * time.Second
	startRatio   = 1.5
)

// measureStart measures the time from the start of the process until it has read all
// existing Events and watches. The bare client lists them in pages.
func measureStart(ctx context.Context, b *bench) error {
	for _, n := range b.scale.Start {
		if err := b.startWith(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// startWith adds the lines of a start with n retained Events.
func (b *bench) startWith(ctx context.Context, n int) error {
	retained, err := b.retain(ctx, n)
	if err != nil {
		return err
	}
	for _, how := range []struct {
		name string
		args []string
	}{
		{name: "existing Events are skipped"},
		{name: "existing Events are replayed", args: []string{"--replay-existing"}},
	} {
		median, err := b.medianOf(
			func() (float64, error) { return b.gatewayStarts(ctx, retained, how.args) },
			func() (float64, error) { return b.bareLists(ctx, retained, n) },
		)
		if err != nil {
			return err
		}
		b.add(measurement{
			Row: "start", Case: fmt.Sprintf("%d retained, %s", n, how.name), Unit: "s", Size: n,
			Gateway: &median.gateway, Bare: &median.bare,
			ToReach: fmt.Sprintf("< %.0f s, ratio ≤ %g", startToReach.Seconds(), startRatio),
			Reached: new(median.gateway < startToReach.Seconds() && median.gateway <= startRatio*median.bare),
		})
	}
	return nil
}

// gatewayStarts returns how many seconds our gateway takes to start.
func (b *bench) gatewayStarts(ctx context.Context, watch string, args []string) (seconds float64, err error) {
	builds, err := b.namespace(ctx)
	if err != nil {
		return 0, err
	}
	err = b.with(launch{watch: watch, builds: builds, limits: limitsOff, args: args}, func(g *gateway) error {
		at, err := g.await(ctx, watching)
		seconds = at.Sub(g.started).Seconds()
		return err
	})
	return seconds, err
}

// bareLists returns how many seconds the bare client takes to list n Events.
func (b *bench) bareLists(ctx context.Context, watch string, n int) (float64, error) {
	began, listed := time.Now(), 0
	if err := list(ctx, b.worker.Events(watch), func(*corev1.Event) { listed++ }); err != nil {
		return 0, err
	}
	if listed < n {
		return 0, errors.New("some Events are gone: the API server keeps them for an hour, and this run took longer")
	}
	return time.Since(began).Seconds(), nil
}
