package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// per is the number of Events that CPU time is told for.
const per = 100_000

// measureReading measures the CPU time that a running gateway spends on
// Events that it rejects. All ways to run it are measured at once, on the same
// Events.
func measureReading(ctx context.Context, b *bench) (err error) {
	ways := []struct {
		name string
		args []string
	}{
		{name: "--log-events summary, the default"},
		{name: "--log-events none", args: []string{"--log-events", "none"}},
	}
	const flag = "--push-down"
	pushes, err := b.has(ctx, flag)
	if err != nil {
		return err
	}
	if pushes {
		ways = append(ways, ways[0])
		ways[len(ways)-1].name, ways[len(ways)-1].args = flag, []string{flag}
	}
	watch, err := b.namespace(ctx)
	if err != nil {
		return err
	}
	var readers []*reader
	defer func() {
		for _, r := range readers {
			r.seen.stop()
			err = errors.Join(err, r.Stop())
		}
	}()
	for _, way := range ways {
		r, err := b.reader(ctx, watch, way.args)
		if err != nil {
			return err
		}
		readers = append(readers, r)
	}
	n := b.scale.Reading
	b.say("  creating %d Events", n)
	if err := newLoad(b.admin, watch, "read").burst(ctx, n, 0, nil); err != nil {
		return err
	}
	// Whoever has built of the last one has read all.
	if err := newLoad(b.admin, watch, "last").burst(ctx, 1, 1, nil); err != nil {
		return err
	}
	var used []float64
	for _, r := range readers {
		if _, err := r.seen.await(ctx, "last", 1, patience); err != nil {
			return err
		}
		cpu, err := cpuOf(r.PID())
		if err != nil {
			return err
		}
		used = append(used, (cpu-r.before).Seconds()*per/float64(n))
	}
	for i, way := range ways {
		m := measurement{Row: "reading", Case: way.name, Unit: fmt.Sprintf("CPU s/%d", per), Gateway: &used[i]}
		if way.name == flag {
			// Against the cheaper of the others, which logs nothing either.
			m.ToReach, m.Reached = "a tenth of --log-events none", new(used[i] <= used[1]/10)
		}
		b.add(m)
	}
	if !pushes {
		b.add(measurement{Row: "reading", Case: flag, Note: "this gateway has no such flag: not measured"})
	}
	return nil
}

// reader is a gateway that reads, and the CPU time it had used before.
type reader struct {
	*gateway
	seen   *builds
	before time.Duration
}

// reader starts a gateway and returns it when it works.
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
	r.before, err = cpuOf(g.PID())
	return r, err
}
