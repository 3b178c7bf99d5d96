// Command k8s-gateway runs Brigade builds for Kubernetes Events.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(run())
}

// run executes the command line and returns the exit code: 0 on success, 1
// when the work failed. The first SIGTERM or SIGINT asks the command to end,
// the second ends the process at once.
func run() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	err := newRootCommand().ExecuteContext(ctx)
	switch {
	case errors.Is(err, errReported):
		return 1
	case err != nil:
		fmt.Fprintln(os.Stderr, "k8s-gateway:", err)
		return 1
	default:
		return 0
	}
}

// exitInterrupted is the exit code after a second signal: what a shell reports
// of a process that SIGINT ended (128 + 2).
const exitInterrupted = 130

// errReported says that the command failed and has told the user why.
var errReported = errors.New("reported")
