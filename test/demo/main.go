// Command demo shows the gateway at its job, on a control plane of its own:
// Events occur, filters decide, builds are created, Brigade starts workers.
// `make demo` builds what it needs and runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

func main() {
	os.Exit(run())
}

// run returns the exit code: 0 when the demo ran until it was interrupted, or
// until its duration was over and every accepted Event had its build and its
// worker. A second interrupt ends it at once; what it started ends with it.
func run() int {
	flags := pflag.NewFlagSet("demo", pflag.ExitOnError)
	duration := flags.Duration("duration", 0, "how long to watch before the verdict; 0 until Ctrl-C, without one")
	config := flags.String("config", "examples/filters.yaml", "the filter file of the gateway")
	record := flags.String("record", "", "make Events of many kinds, and write them to this file instead of showing builds")
	_ = flags.Parse(os.Args[1:]) // it exits on an error

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	d := &demo{config: *config, duration: *duration, record: *record, screen: newScreen(os.Stdout)}
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	return 0
}
