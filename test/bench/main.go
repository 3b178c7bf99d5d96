// Command bench measures the gateway on its own control plane: real etcd, real
// kube-apiserver, the release binary as its own process, and a bare client-go client
// that shows what the API server itself can do. `make bench` builds the programs and
// runs it; docs/performance.md explains the rows.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
)

func main() {
	os.Exit(run())
}

// run returns the exit code: 0 if every row was measured, even if it did not reach
// its goal.
func run() int {
	var (
		names    []string
		size     string
		baseline string
		out      string
		retained []int
		// The bench starts itself with these flags.
		watch, kubeconfig string
		receiving         bool
	)
	flags := pflag.NewFlagSet("bench", pflag.ExitOnError)
	flags.StringSliceVar(&names, "rows", nil, "the rows to measure: "+strings.Join(rowNames(), ", ")+"; all by default")
	flags.StringVar(&size, "scale", "full", "the size of the measurements: small or full")
	flags.StringVar(&baseline, "baseline", "", "another gateway `binary` to measure too; it must accept -kubeconfig, -namespace and -config")
	flags.StringVar(&out, "out", "bench/results.json", "the `file` for the results")
	flags.IntSliceVar(&retained, "retained", nil, "the numbers of Events retained in rows memory and growth, instead of the scale's")
	flags.StringVar(&watch, "bare-watch", "", "only watch the Events of this `namespace`, for the row reading")
	flags.StringVar(&kubeconfig, "kubeconfig", "", "the kubeconfig `file` of --bare-watch")
	flags.BoolVar(&receiving, "receive", false, "only receive CloudEvents, for the row destination")
	_ = flags.Parse(os.Args[1:]) // it exits on an error

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	if watch != "" {
		if err := bareWatch(ctx, kubeconfig, watch); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		return 0
	}
	if receiving {
		if err := receive(ctx, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		return 0
	}
	b, err := newBench(names, size, baseline, out)
	if err == nil {
		if len(retained) > 0 {
			b.scale.Retained = retained
		}
		err = b.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}
