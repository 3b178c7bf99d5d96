// Command demo shows the gateway on its own control plane: Events occur, filters decide,
// builds are created, and Brigade starts workers. `make demo` builds the programs and
// runs it.
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

// run returns the exit code: 0 if the demo was interrupted, or if its duration ended and
// every accepted Event had a build and a worker. A second interrupt ends it at once,
// with everything it started.
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
