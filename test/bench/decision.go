package main

import (
	"context"
	"fmt"
	"strings"
)

// measureDecision runs the Go benchmarks of the filters: the cost of a decision if
// only the last filter matches, and of a CEL expression.
func measureDecision(ctx context.Context, b *bench) error {
	found, err := benchmarks(ctx, "./pkg/filter", "^Benchmark(Decide|Expression)$")
	if err != nil {
		return err
	}
	for _, f := range found {
		m := measurement{Row: "decision", Case: f.name, Unit: "ns", Gateway: &f.ns, Note: fmt.Sprintf("%g allocations", f.allocations)}
		switch {
		case strings.HasSuffix(f.name, "/100 filters"):
			m.ToReach, m.Reached = "< 1000 ns, 0 allocations", new(f.ns < 1000 && f.allocations == 0)
		case strings.HasPrefix(f.name, "Expression/"):
			m.ToReach, m.Reached = "< 5000 ns", new(f.ns < 5000)
		}
		b.add(m)
	}
	return nil
}

// takeToReach is the most nanoseconds for taking the next build of a thousand
// waiting flows.
const takeToReach = 2000

// measureTake runs the Go benchmarks of the queue: the cost of taking the next build
// of many flows.
func measureTake(ctx context.Context, b *bench) error {
	found, err := benchmarks(ctx, "./pkg/delivery", "^BenchmarkTake")
	if err != nil {
		return err
	}
	for _, f := range found {
		b.add(measurement{
			Row: "take", Case: f.name, Unit: "ns", Gateway: &f.ns, Note: fmt.Sprintf("%g allocations", f.allocations),
			ToReach: fmt.Sprintf("< %d ns", takeToReach), Reached: new(f.ns < takeToReach),
		})
	}
	return nil
}
