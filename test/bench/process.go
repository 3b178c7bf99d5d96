package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// gateway is a running gateway process.
type gateway struct {
	process  *controlplane.Process
	started  time.Time
	messages *logWatch
}

// The log messages of a gateway that the bench waits for.
const (
	// watching means that all existing Events were read.
	watching = "watching"
	// standingBy means that another replica leads.
	standingBy = "standing by"
	// servingPage says where the page is.
	servingPage = "serving the page"
)

// errGone is the error of a gateway that ended without being stopped.
var errGone = errors.New("the gateway has ended by itself")

// await waits until the gateway has logged a message, and returns the time of the
// first.
func (g *gateway) await(ctx context.Context, message string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		at, changed := g.messages.logged(message)
		if !at.IsZero() {
			return at, nil
		}
		select {
		case <-changed:
		case <-g.process.Done():
			return time.Time{}, errors.Join(errGone, g.process.Err())
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("waiting for the gateway to log %q: %w", message, ctx.Err())
		}
	}
}

// logWatch records when each message was logged first. It parses lines about single
// Events and builds no further, so that a log of 100,000 Events costs the bench
// little.
type logWatch struct {
	mu      sync.Mutex
	line    []byte // the beginning of an unfinished line
	written int64
	first   map[string]time.Time
	address string // of the page
	changed chan struct{}
}

func newLogWatch() *logWatch {
	return &logWatch{first: map[string]time.Time{}, changed: make(chan struct{})}
}

// Write processes a part of the log.
func (l *logWatch) Write(p []byte) (int, error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written += int64(len(p))
	for rest := p; ; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		l.line = append(l.line, line...)
		if !ended {
			return len(p), nil
		}
		l.note(now)
		l.line, rest = l.line[:0], after
	}
}

// note records the message of a complete line.
func (l *logWatch) note(now time.Time) {
	if bytes.Contains(l.line, []byte(`"msg":"Processing `)) || bytes.Contains(l.line, []byte(`"msg":"build `)) {
		return
	}
	var record struct{ Msg, Address string }
	if err := json.Unmarshal(l.line, &record); err != nil {
		return // not a JSON record: the other gateway's log
	}
	if record.Msg == servingPage {
		l.address = record.Address
	}
	if _, again := l.first[record.Msg]; !again {
		l.first[record.Msg] = now
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// logged returns when the message was logged first, or the zero time and a
// channel that is closed when there is a new message.
func (l *logWatch) logged(message string) (time.Time, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first[message], l.changed
}

// page returns the address of the page, once it is served.
func (g *gateway) page(ctx context.Context) (address string, err error) {
	if _, err := g.await(ctx, servingPage); err != nil {
		return "", err
	}
	g.messages.mu.Lock()
	defer g.messages.mu.Unlock()
	return g.messages.address, nil
}

// size returns how many bytes were logged so far.
func (l *logWatch) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// memory is the resident memory of a process in bytes, as the kernel counts it.
type memory struct {
	// peak and now include mapped pages of the binary.
	peak, now float64
	// file is the part of now that are such pages. The kernel can reclaim them, and
	// processes of the same image share them.
	file float64
}

// memoryOf reads a process's memory (proc_pid_status(5)).
func memoryOf(pid int) (memory, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return memory{}, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	var m memory
	for key, value := range map[string]*float64{"VmHWM:": &m.peak, "VmRSS:": &m.now, "RssFile:": &m.file} {
		_, after, _ := strings.Cut(string(status), key)
		fields := strings.Fields(after)
		if len(fields) == 0 {
			return memory{}, fmt.Errorf("reading the memory of process %d: no %s in its status", pid, key)
		}
		kib, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return memory{}, fmt.Errorf("reading the memory of process %d: %w", pid, err)
		}
		*value = kib * 1024
	}
	return m, nil
}

// ticksPerSecond is the unit of CPU time in /proc, USER_HZ, which Linux keeps
// at 100 for all programs.
const ticksPerSecond = 100

// cpuOf returns the CPU time a process has used (proc_pid_stat(5): utime and
// stime, fields 14 and 15).
func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	// The second field is the program's name in parentheses and may hold spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading the CPU time of process %d: %q", pid, stat)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}
