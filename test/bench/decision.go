package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// decisionPackage has the benchmarks that the row is made of.
const decisionPackage = "./pkg/filter"

// measureDecision runs the Go benchmarks of the filters: what a decision costs
// where no filter but the last matches, and what a CEL expression costs.
func measureDecision(ctx context.Context, b *bench) error {
	test := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Decide|Expression)$", "-benchmem", decisionPackage)
	test.Stderr = os.Stderr
	out, err := test.Output()
	if err != nil {
		return fmt.Errorf("running the benchmarks of %s: %w\n%s", decisionPackage, err, out)
	}
	found := 0
	for line := range strings.Lines(string(out)) {
		name, cost, ok := parseBenchmark(line)
		if !ok {
			continue
		}
		found++
		m := measurement{Row: "decision", Case: name, Unit: "ns", Gateway: &cost.ns, Note: fmt.Sprintf("%g allocations", cost.allocations)}
		switch {
		case strings.HasSuffix(name, "/100 filters"):
			m.ToReach, m.Reached = "< 1000 ns, 0 allocations", new(cost.ns < 1000 && cost.allocations == 0)
		case strings.HasPrefix(name, "Expression/"):
			m.ToReach, m.Reached = "< 5000 ns", new(cost.ns < 5000)
		}
		b.add(m)
	}
	if found == 0 {
		return errors.New("no benchmark of " + decisionPackage + " has a result")
	}
	return nil
}

// cost is what one call costs.
type cost struct{ ns, allocations float64 }

// parseBenchmark reads a line that `go test -bench -benchmem` prints:
//
//	BenchmarkDecide/prefix_globs/100_filters-2   123456   890.1 ns/op   0 B/op   0 allocs/op
func parseBenchmark(line string) (name string, c cost, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 8 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", cost{}, false
	}
	name = strings.TrimPrefix(fields[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", cost{}, false
		}
		switch fields[i+1] {
		case "ns/op":
			c.ns = value
		case "allocs/op":
			c.allocations = value
		}
	}
	return strings.ReplaceAll(name, "_", " "), c, true
}
