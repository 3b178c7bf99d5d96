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

// run executes the command line and returns the exit code: 0 on success, 1
// when the work failed. The first SIGTERM or SIGINT asks the command to end;
// the second ends the process at once, with the code that a shell gives to an
// end by SIGINT.
func run() int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	// Room for both: the second may come before the first was taken up.
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

// interrupted is the exit code where somebody did not wait for the end: 128
// and the number of SIGINT, as POSIX shells report it.
const interrupted = 128 + int(syscall.SIGINT)

// errReported says that the command failed and has told the user why.
var errReported = errors.New("reported")
