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
// when the work failed. The first SIGTERM or SIGINT asks the command to end;
// the second ends the process at once, for the default handling is restored.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
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

// errReported says that the command failed and has told the user why.
var errReported = errors.New("reported")
