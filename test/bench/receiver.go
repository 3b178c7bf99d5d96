package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	ceclient "github.com/cloudevents/sdk-go/v2/client"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"golang.org/x/sync/errgroup"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// receive runs the SDK's own receiver until ctx ends. It writes its URL in the first
// line, and the name of each message's Event with the time of its receipt in one more.
// It is a separate process, so that the bare client, like the gateway, sends to another
// process.
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
	r := receipts{w: bufio.NewWriter(out)}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.flush(ctx) })
	group.Go(func() error {
		return sdk.StartReceiver(ctx, func(m cloudevent.Event) protocol.Result {
			if err := r.note(m.Data()); err != nil {
				return cehttp.NewResult(http.StatusInternalServerError, "%w", err)
			}
			return nil
		})
	})
	return group.Wait()
}

// flushEvery is how often receipts are written. A write for each message would wake the
// bench each time, on the CPUs that gateway and receiver need.
const flushEvery = 10 * time.Millisecond

// receipts writes what a receiver was sent.
type receipts struct {
	mu sync.Mutex
	w  *bufio.Writer
}

// note notes a message with the given data.
func (r *receipts) note(data []byte) error {
	var e struct {
		Metadata struct{ Name string }
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := fmt.Fprintf(r.w, "%s %d\n", e.Metadata.Name, time.Now().UnixNano())
	return err
}

// flush writes receipts until ctx ends.
func (r *receipts) flush(ctx context.Context) error {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		r.mu.Lock()
		err := r.w.Flush()
		r.mu.Unlock()
		if err != nil {
			return fmt.Errorf("writing receipts: %w", err)
		}
	}
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
	for rest := p; ; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		l.line = append(l.line, line...)
		if !ended {
			return len(p), nil
		}
		if !l.found {
			l.url <- string(l.line)
			l.found = true
		} else if err := l.receipt(string(l.line)); err != nil {
			return 0, err
		}
		l.line, rest = l.line[:0], after
	}
}

// receipt counts the message of one line.
func (l *receiverLines) receipt(line string) error {
	name, text, _ := strings.Cut(line, " ")
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("a receiver wrote %q: %w", line, err)
	}
	l.seen.note(name, time.Unix(0, at))
	return nil
}
