// Command statuspage serves the daemon's page for test/browser: it prints the
// address, and shows each status that it reads from standard input, as JSON, until
// there are no more.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/ui"
)

func main() {
	os.Exit(run())
}

func run() int {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "statuspage:", err)
		return 1
	}
	return 0
}

func serve(statuses io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var current atomic.Pointer[ui.Status]
	current.Store(&ui.Status{Role: "starting", Positions: []ui.Position{}, Flows: []ui.Flow{}, Builds: []ui.Build{}, Lost: []ui.Lost{}})
	listener, _, err := ui.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	page := ui.New(ui.Options{
		Where: "https://cluster, all namespaces", Log: slog.New(slog.DiscardHandler), Status: func() ui.Status { return *current.Load() },
	})
	served := make(chan error, 1)
	go func() { served <- page.Run(ctx, listener) }()
	fmt.Fprintf(out, "Page: http://%s/\n", listener.Addr())
	var failed error
	for decoder := json.NewDecoder(statuses); ; {
		var s ui.Status
		if failed = decoder.Decode(&s); failed != nil {
			break
		}
		current.Store(&s)
	}
	if errors.Is(failed, io.EOF) {
		failed = nil
	}
	stop()
	return errors.Join(failed, <-served)
}
