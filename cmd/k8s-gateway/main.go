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

// version and commit are set by the linker.
//
//nolint:gochecknoglobals // the linker sets nothing else
var (
	version = "dev"
	commit  = "unknown"
)

func main() {
	os.Exit(run())
}

// run executes the command line and returns the exit code: 0 on success, 1 on
// failure. The first SIGTERM or SIGINT asks the command to end; the second ends
// the process at once with interrupted.
func run() int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	// Both fit: the second may arrive before the first is received.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(interrupted)
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

// interrupted is the exit code after the second signal: 128 and the number of
// SIGINT, as POSIX shells report it.
const interrupted = 128 + int(syscall.SIGINT)

// errReported is the error of a command that has printed its faults itself.
var errReported = errors.New("reported")
