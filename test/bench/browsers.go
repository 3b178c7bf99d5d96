package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// browserCount is how many browsers have the page open.
	browserCount = 5
	// browserPoll is the interval in which it is checked whether browsers follow.
	browserPoll = 100 * time.Millisecond
)

// openBrowsers opens browserCount browsers on a page until ctx ends, which
// done waits for.
type openBrowsers func(ctx context.Context, dir, address string) (done func(), err error)

// browsers have the page of a gateway open.
type browsers struct {
	cancel context.CancelFunc
	done   func()
	counts *counts
}

// watchPage opens browsers on the page of a gateway, through a proxy that
// counts what they ask for, and returns when all of them follow. Without open
// there are none.
func (b *bench) watchPage(ctx context.Context, g *gateway, open openBrowsers) (*browsers, error) {
	if open == nil {
		return &browsers{cancel: func() {}, done: func() {}, counts: &counts{}}, nil
	}
	address, err := g.page(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	out := &browsers{cancel: cancel, done: func() {}, counts: &counts{}}
	proxy, err := out.counts.serve(ctx, address)
	if err != nil {
		cancel()
		return nil, err
	}
	if out.done, err = open(ctx, b.dir, proxy); err != nil {
		cancel()
		return nil, err
	}
	deadline := time.Now().Add(patience)
	for out.counts.streams.Load() < browserCount || out.counts.evaluations.Load() < browserCount {
		if time.Now().After(deadline) {
			out.close()
			return nil, fmt.Errorf("%d of %d browsers follow the page after %s", out.counts.streams.Load(), browserCount, patience)
		}
		if err := pause(ctx, browserPoll); err != nil {
			out.close()
			return nil, err
		}
	}
	return out, nil
}

// close closes the browsers.
func (b *browsers) close() {
	b.cancel()
	b.done()
}

func (b *browsers) asked() asked {
	return asked{
		streams: b.counts.streams.Load(), evaluations: b.counts.evaluations.Load(),
		refused: b.counts.refused.Load(), bytes: b.counts.bytes.Load(),
	}
}

// asked has the requests of browsers.
type asked struct{ streams, evaluations, refused, bytes int64 }

func (a asked) String() string {
	return fmt.Sprintf("%d streams, %d evaluations, %d refused, %.1f MiB sent", a.streams, a.evaluations, a.refused, float64(a.bytes)/mib)
}

// counts returns a handler that counts the requests through a proxy.
type counts struct{ streams, evaluations, refused, bytes atomic.Int64 }

// serve serves a page under another address until ctx ends.
func (c *counts) serve(ctx context.Context, page string) (address string, err error) {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: page})
			r.Out.Host = r.In.Host // the page compares it with Origin
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode >= http.StatusBadRequest {
				c.refused.Add(1)
			}
			switch r.Request.URL.Path {
			case "/api/stream":
				c.streams.Add(1)
			case "/api/evaluate":
				c.evaluations.Add(1)
			}
			r.Body = &countedBody{r.Body, &c.bytes}
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for browsers: %w", err)
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: patience, ErrorLog: proxy.ErrorLog}
	go func() { _ = server.Serve(l) }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return l.Addr().String(), nil
}

// countedBody counts what is read of a body.
type countedBody struct {
	io.ReadCloser

	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

// openClients opens clients that send the requests of the page, each with its own
// edited list.
func openClients(ctx context.Context, _, address string) (done func(), err error) {
	var wait sync.WaitGroup
	for i := range browserCount {
		c := &pageClient{address: "http://" + address, edit: fmt.Sprintf("# %d\n", i), lists: make(chan string, 1), arrived: make(chan struct{}, 1)}
		wait.Go(func() { c.follow(ctx) })
		wait.Go(func() { c.evaluate(ctx) })
	}
	return wait.Wait, nil
}

// pageClient is one such client.
type pageClient struct {
	address, edit string
	lists         chan string   // receives the gateway's list
	arrived       chan struct{} // receives when there are new Events
}

// follow reads the stream to its end.
func (c *pageClient) follow(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address+"/api/stream", http.NoBody)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReaderSize(response.Body, mib)
	for event := ""; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case key == "event":
			event = strings.TrimSpace(value)
		case key == "data" && event == "events":
			select {
			case c.arrived <- struct{}{}:
			default:
			}
		case key == "data" && event == "state":
			var state struct{ List struct{ Text string } }
			if json.Unmarshal([]byte(value), &state) == nil {
				select {
				case c.lists <- state.List.Text:
				default: // it has one
				}
			}
		}
	}
}

// evaluate has an edited list evaluated when there are new Events, as often as
// the page does.
func (c *pageClient) evaluate(ctx context.Context) {
	var list string
	select {
	case list = <-c.lists:
	case <-ctx.Done():
		return
	}
	for {
		select {
		case <-c.arrived:
		case <-ctx.Done():
			return
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address+"/api/evaluate", strings.NewReader(list+c.edit))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/yaml")
		evaluation := struct{ Pause int64 }{Pause: 1500}
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = json.NewDecoder(response.Body).Decode(&evaluation)
			_ = response.Body.Close()
		}
		if pause(ctx, time.Duration(evaluation.Pause)*time.Millisecond) != nil {
			return
		}
	}
}

// chromium returns the path of the browser, or the empty string.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// openTabs opens tabs of one headless Chromium, each in its own window, so that each
// is visible and not throttled.
func openTabs(ctx context.Context, dir, address string) (done func(), err error) {
	fromUs, toChromium, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromChromium, toUs, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, fromUs.Close(), toChromium.Close())
	}
	command := exec.CommandContext(ctx, chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--disable-component-update", "--remote-debugging-pipe", "--user-data-dir="+filepath.Join(dir, "chromium"), "about:blank")
	// The debugging protocol reads file descriptor 3 and writes 4.
	command.ExtraFiles = []*os.File{fromUs, toUs}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	err = command.Start()
	closed := errors.Join(fromUs.Close(), toUs.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting chromium: %w", err), closed, toChromium.Close(), fromChromium.Close())
	}
	go func() { _, _ = io.Copy(io.Discard, fromChromium) }()
	for i := range browserCount {
		fmt.Fprintf(toChromium, `{"id":%d,"method":"Target.createTarget","params":{"url":"http://%s/","newWindow":true}}`+"\x00", i+1, address)
	}
	return func() {
		_ = command.Wait() // it is killed
		_ = toChromium.Close()
		_ = fromChromium.Close()
	}, nil
}
