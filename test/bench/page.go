package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// pageRate is how many Events a second browsers see, of which one in
	// pageAccepted is accepted.
	pageRate     = 1000
	pageAccepted = 20
	// pageMemory is how much memory, in MiB, browsers may cost.
	pageMemory = 16
	// pageRatio is the part of the throughput that is left with browsers.
	pageRatio = 0.95
)

func servePage() []string { return []string{"--ui-listen", "127.0.0.1:0"} }

// measurePage measures what browsers that have the page open cost the gateway:
// builds per second while Events come as fast as the API server takes them, and
// at a constant rate of Events the rate, CPU time and memory. All are compared with
// the same gateway without browsers.
func measurePage(ctx context.Context, b *bench) error {
	if err := b.pageThroughput(ctx); err != nil {
		return err
	}
	return b.pageCost(ctx)
}

// pageThroughput adds the line of builds per second. Tabs of Chromium would
// take most of the machine from the control plane and from the gateway alike,
// so it is measured with clients.
func (b *bench) pageThroughput(ctx context.Context) error {
	line := throughputLine{events: b.scale.Throughput, workers: 16, args: servePage()}
	with := line
	with.open = openClients
	median, err := b.medianOf(
		func() (float64, error) { return b.gatewayRate(ctx, false, with) },
		func() (float64, error) { return b.gatewayRate(ctx, false, line) },
	)
	if err != nil {
		return err
	}
	b.add(measurement{
		Row: "page", Case: fmt.Sprintf("%d Events at once, %d clients that edit", line.events, browserCount), Unit: "builds/s",
		Gateway: &median.gateway, Bare: &median.bare, Note: besideNoBrowser,
		ToReach: fmt.Sprintf("ratio ≥ %g", pageRatio), Reached: new(median.gateway >= pageRatio*median.bare),
	})
	return nil
}

// besideNoBrowser is the note on the column of the bare client.
const besideNoBrowser = "compared with the same gateway without browsers"

// audience is a kind of clients that have the page open.
type audience struct {
	name string
	args []string
	open openBrowsers
	// crowds is whether the browsers take so much CPU that the rate does not show
	// the gateway's.
	crowds bool
	runs   []pageRun
}

// pageRun is the result of one run at a constant rate.
type pageRun struct {
	// rate is Events per second until the last build, cpu the seconds of CPU
	// time for 100,000 Events.
	rate, cpu float64
	memory    memory
	asked     asked
}

// pageCost adds the lines of an even rate of Events.
func (b *bench) pageCost(ctx context.Context) error {
	without := &audience{name: "nobody", args: servePage()}
	audiences := []*audience{
		{name: "no page"},
		without,
		{name: fmt.Sprintf("%d clients that edit", browserCount), args: servePage(), open: openClients},
	}
	if chromium() != "" {
		audiences = append(audiences, &audience{name: fmt.Sprintf("%d tabs of Chromium", browserCount), args: servePage(), open: openTabs, crowds: true})
	} else {
		b.logf("  no chromium here: not measured with its tabs")
	}
	for range b.scale.Repeats {
		for _, a := range audiences {
			run, err := b.pageRun(ctx, a)
			if err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			b.logf("  %s: %.0f Events/s, %.3g CPU s/%d, peak %.3g MiB, %s", a.name, run.rate, run.cpu, per, run.memory.peak/mib, run.asked)
			a.runs = append(a.runs, run)
		}
	}
	for _, a := range audiences {
		b.addPage(a, without)
	}
	return nil
}

// addPage adds the lines of one audience, with the median of each figure.
func (b *bench) addPage(a, without *audience) {
	rate, cpu, peak := a.medians()
	baseRate, baseCPU, basePeak := without.medians()
	lines := []measurement{
		{Case: "at an even rate", Unit: "Events/s", Gateway: &rate, Bare: &baseRate},
		{Case: "at an even rate", Unit: fmt.Sprintf("CPU s/%d", per), Gateway: &cpu, Bare: &baseCPU},
		{Case: "peak", Unit: "MiB", Gateway: &peak, Bare: &basePeak},
	}
	if a.open != nil {
		if !a.crowds {
			lines[0].ToReach, lines[0].Reached = fmt.Sprintf("ratio ≥ %g", pageRatio), new(rate >= pageRatio*baseRate)
		}
		lines[2].ToReach, lines[2].Reached = fmt.Sprintf("< %d MiB more", pageMemory), new(peak < basePeak+pageMemory)
		lines[1].Note = a.runs[len(a.runs)/2].asked.String()
	}
	for _, m := range lines {
		m.Row, m.Case = "page", fmt.Sprintf("%d Events/s, %s, %s", pageRate, a.name, m.Case)
		if a == without {
			m.Bare = nil
		}
		b.add(m)
	}
}

// medians returns the median of the rate, of the CPU time, and of the peak in
// MiB.
func (a *audience) medians() (rate, cpu, peak float64) {
	median := func(of func(pageRun) float64) float64 {
		var all []float64
		for _, r := range a.runs {
			all = append(all, of(r))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return median(func(r pageRun) float64 { return r.rate }),
		median(func(r pageRun) float64 { return r.cpu }),
		median(func(r pageRun) float64 { return r.memory.peak / mib })
}

// pageRun runs a gateway while Events come at an even rate.
func (b *bench) pageRun(ctx context.Context, a *audience) (run pageRun, err error) {
	fresh, seen, err := b.place(ctx)
	if err != nil {
		return pageRun{}, err
	}
	defer seen.stop()
	err = b.with(launch{watch: fresh, builds: fresh, limits: limitsOff, args: a.args}, func(g *gateway) error {
		if err := b.awaitWorking(ctx, g, fresh, seen); err != nil {
			return err
		}
		open, err := b.watchPage(ctx, g, a.open)
		if err != nil {
			return err
		}
		defer open.close()
		before, err := cpuOf(g.process.PID())
		if err != nil {
			return err
		}
		n, name, began := b.scale.Page, fresh+"-seen", time.Now()
		if err := newLoad(b.admin, fresh, name).steady(ctx, n, pageAccepted, pageRate); err != nil {
			return err
		}
		t, err := seen.await(ctx, name, n/pageAccepted, rateWithin)
		if err != nil {
			return err
		}
		if t.repeats > 0 {
			return errors.New("some Events have more than one build")
		}
		run.rate = float64(n) / t.last.Sub(began).Seconds()
		after, err := cpuOf(g.process.PID())
		if err != nil {
			return err
		}
		run.cpu = (after - before).Seconds() * per / float64(n)
		run.asked = open.asked()
		run.memory, err = memoryOf(g.process.PID())
		return err
	})
	return run, err
}
