package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// benchmark is the result of a Go benchmark: the cost of one call.
type benchmark struct {
	name            string
	ns, allocations float64
}

// benchmarks runs the Go benchmarks of a package with matching names.
func benchmarks(ctx context.Context, pkg, matches string) ([]benchmark, error) {
	test := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", matches, "-benchmem", pkg)
	test.Stderr = os.Stderr
	out, err := test.Output()
	if err != nil {
		return nil, fmt.Errorf("running the benchmarks of %s: %w\n%s", pkg, err, out)
	}
	var found []benchmark
	for line := range strings.Lines(string(out)) {
		if b, ok := parseBenchmark(line); ok {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no benchmark of %s that matches %s has a result", pkg, matches)
	}
	return found, nil
}

// parseBenchmark reads a line that `go test -bench -benchmem` prints:
//
//	BenchmarkDecide/prefix_globs/100_filters-2   123456   890.1 ns/op   0 B/op   0 allocs/op
func parseBenchmark(line string) (b benchmark, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 8 || !strings.HasPrefix(fields[0], "Benchmark") {
		return benchmark{}, false
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	b.name = strings.ReplaceAll(name, "_", " ")
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return benchmark{}, false
		}
		switch fields[i+1] {
		case "ns/op":
			b.ns = value
		case "allocs/op":
			b.allocations = value
		}
	}
	return b, true
}
