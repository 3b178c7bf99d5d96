package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// per is the number of Events for which CPU time is reported.
const per = 100_000

// way is a way to run a gateway in the row reading.
type way struct {
	name string
	args []string
	// reach is the goal for the ratio to a bare watch, 0 for none.
	reach float64
}

// measureReading measures the CPU time of a running gateway that rejects Events, and
// of a process that only watches and decodes the same Events, at the same time.
func measureReading(ctx context.Context, b *bench) (err error) {
	ways := []way{
		{name: "--log-events summary, the default", reach: 1.35},
		{name: "--log-events none", args: []string{"--log-events", "none"}, reach: 1.2},
	}
	const flag = "--push-down"
	pushes, err := b.has(ctx, flag)
	if err != nil {
		return err
	}
	if pushes {
		ways = append(ways, way{name: flag, args: []string{flag}})
	}
	watch, err := b.namespace(ctx)
	if err != nil {
		return err
	}
	var readers []*reader
	defer func() {
		for _, r := range readers {
			r.seen.stop()
			err = errors.Join(err, r.gateway.process.Stop())
		}
	}()
	for _, way := range ways {
		r, err := b.reader(ctx, watch, way.args)
		if err != nil {
			return err
		}
		readers = append(readers, r)
	}
	bare, err := b.startBareWatch(ctx, watch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.gateway.process.Stop()) }()
	n := b.scale.Reading
	b.logf("  creating %d Events", n)
	if err := newLoad(b.admin, watch, readLoad).burst(ctx, n, 0, nil); err != nil {
		return err
	}
	// When the last one is built, all have been read.
	if err := newLoad(b.admin, watch, lastLoad).burst(ctx, 1, 1, nil); err != nil {
		return err
	}
	var used []float64
	for _, r := range readers {
		if _, err := r.seen.await(ctx, lastLoad, 1, patience); err != nil {
			return err
		}
		cpu, err := cpuOf(r.gateway.process.PID())
		if err != nil {
			return err
		}
		used = append(used, (cpu-r.before).Seconds()*per/float64(n))
	}
	cpu, err := bare.spent(ctx)
	if err != nil {
		return err
	}
	least := cpu.Seconds() * per / float64(n)
	for i, way := range ways {
		m := measurement{Row: "reading", Case: way.name, Unit: fmt.Sprintf("CPU s/%d", per), Gateway: &used[i]}
		switch {
		case way.reach > 0:
			m.Bare, m.ToReach, m.Reached = &least, fmt.Sprintf("ratio ≤ %g", way.reach), new(used[i] <= way.reach*least)
		case way.name == flag:
			// Compared with the cheaper of the others, which does not log either.
			m.ToReach, m.Reached = "a tenth of --log-events none", new(used[i] <= used[1]/10)
		}
		b.add(m)
	}
	if !pushes {
		b.add(measurement{Row: "reading", Case: flag, Note: "this gateway has no such flag: not measured"})
	}
	return nil
}

// reader is a gateway in the row reading, and the CPU time it had used before.
type reader struct {
	gateway *gateway
	seen    *builds
	before  time.Duration
}

// reader starts a gateway and returns when it works.
func (b *bench) reader(ctx context.Context, watch string, args []string) (*reader, error) {
	fresh, seen, err := b.place(ctx)
	if err != nil {
		return nil, err
	}
	g, err := b.start(launch{watch: watch, builds: fresh, limits: limitsOff, args: args})
	if err != nil {
		seen.stop()
		return nil, err
	}
	r := &reader{gateway: g, seen: seen}
	if err := b.awaitWorking(ctx, g, watch, seen); err != nil {
		return nil, err
	}
	r.before, err = cpuOf(g.process.PID())
	return r, err
}
