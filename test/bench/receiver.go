package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	ceclient "github.com/cloudevents/sdk-go/v2/client"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// receive runs the SDK's own receiver until ctx ends. It writes its URL in the first
// line, and the name of each message's Event in one more. It is a separate process, so
// that the bare client, like the gateway, sends to another process.
func receive(ctx context.Context, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting a receiver: %w", err)
	}
	sdk, err := ceclient.NewHTTP(cehttp.WithListener(listener))
	if err != nil {
		return fmt.Errorf("starting a receiver: %w", err)
	}
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return fmt.Errorf("writing the URL: %w", err)
	}
	var mu sync.Mutex
	return sdk.StartReceiver(ctx, func(m cloudevent.Event) protocol.Result {
		var e struct {
			Metadata struct{ Name string }
		}
		if err := json.Unmarshal(m.Data(), &e); err != nil {
			return cehttp.NewResult(http.StatusBadRequest, "%w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := io.WriteString(out, e.Metadata.Name+"\n"); err != nil {
			return cehttp.NewResult(http.StatusInternalServerError, "%w", err)
		}
		return nil
	})
}

// receiver is a process that runs receive. It counts messages as if they were builds.
type receiver struct {
	url     string
	seen    *builds
	process *controlplane.Process
}

// startReceiver starts a receiver and returns when it listens.
func (b *bench) startReceiver(ctx context.Context) (*receiver, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	seen := &builds{seen: map[string]time.Time{}, loads: map[string]*tally{}, changed: make(chan struct{}, 1)}
	lines := &receiverLines{url: make(chan string, 1), seen: seen}
	b.processes++
	process, err := b.cp.Run(controlplane.Program{
		Name: fmt.Sprintf("receiver-%d", b.processes), Path: self, Output: lines, Args: []string{"--receive"},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case url := <-lines.url:
		return &receiver{url: url, seen: seen, process: process}, nil
	case <-process.Done():
		return nil, fmt.Errorf("the receiver has ended by itself: %w", process.Err())
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("waiting for the receiver's URL: %w", ctx.Err()), process.Stop())
	}
}

// rate waits until n messages of a load were taken and returns how many they were per
// second since began, or since the first one if began is zero.
func (r *receiver) rate(ctx context.Context, load string, n int, began time.Time) (float64, error) {
	t, err := r.seen.await(ctx, load, n, clearWithin)
	switch {
	case err != nil:
		return 0, err
	case t.repeats > 0:
		return 0, fmt.Errorf("%d of %d messages were repeated", t.repeats, n)
	case began.IsZero():
		began = t.first
	}
	return float64(n) / t.last.Sub(began).Seconds(), nil
}

// receiverLines parses what receive writes. It is not safe for concurrent use.
type receiverLines struct {
	line []byte // the beginning of an unfinished line
	url  chan string
	// found is whether the URL was in a line before.
	found bool
	seen  *builds
}

func (l *receiverLines) Write(p []byte) (int, error) {
	now := time.Now()
	for rest := p; ; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		l.line = append(l.line, line...)
		if !ended {
			return len(p), nil
		}
		if l.found {
			l.seen.note(string(l.line), now)
		} else {
			l.url <- string(l.line)
			l.found = true
		}
		l.line, rest = l.line[:0], after
	}
}
