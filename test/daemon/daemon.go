// Package daemon runs the gateway for tests as users run it: the release binary in
// its own process, with flags, a kubeconfig and a log. Tests wait for log records
// instead of sleeping.
package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// patience is how long a test waits for a record before it fails.
const patience = 2 * time.Minute

// Record is one line of the gateway's JSON log.
type Record map[string]any

// Message returns the record's message.
func (r Record) Message() string { return r.String("msg") }

// WithMessage returns a function that matches records with the given message.
func WithMessage(message string) func(Record) bool {
	return func(r Record) bool { return r.Message() == message }
}

// String returns an attribute of the record as text, or the empty string.
func (r Record) String(key string) string {
	s, _ := r[key].(string)
	return s
}

// Daemon is a running gateway.
type Daemon struct {
	tb  testing.TB
	cmd *exec.Cmd

	mu      sync.Mutex
	changed *sync.Cond
	records []Record
	other   []string
	ended   bool
	err     error
	done    chan struct{}
}

// Start starts bin/k8s-gateway with the given arguments. It is killed when the
// test ends, and its log is shown if the test has failed.
func Start(tb testing.TB, args ...string) *Daemon {
	tb.Helper()
	return StartWith(tb, nil, args...)
}

// StartWith is Start with additional environment variables.
func StartWith(tb testing.TB, env []string, args ...string) *Daemon {
	tb.Helper()
	return start(tb, env, gatewayBinary(tb), args...)
}

// StartUnder is Start with another program, which gets the gateway's path and
// arguments and executes it.
func StartUnder(tb testing.TB, program string, env []string, args ...string) *Daemon {
	tb.Helper()
	return start(tb, env, program, append([]string{gatewayBinary(tb)}, args...)...)
}

func gatewayBinary(tb testing.TB) string {
	tb.Helper()
	binary, err := controlplane.Binary("k8s-gateway")
	if err != nil {
		tb.Fatal(err)
	}
	return binary
}

func start(tb testing.TB, env []string, program string, args ...string) *Daemon {
	tb.Helper()
	d := &Daemon{tb: tb, cmd: exec.Command(program, args...), done: make(chan struct{})}
	d.changed = sync.NewCond(&d.mu)
	d.cmd.Env = append(os.Environ(), env...)
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		tb.Fatalf("starting the gateway: %v", err)
	}
	go func() {
		defer close(d.done)
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			d.take(lines.Text())
		}
		err := d.cmd.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended, d.err = true, err
		d.changed.Broadcast()
	}()
	tb.Cleanup(func() {
		d.Kill()
		if tb.Failed() {
			tb.Logf("end of the log of the gateway with %v:\n%s", args, d.tail())
		}
	})
	return d
}

func (d *Daemon) take(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var r Record
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		d.other = append(d.other, line)
	} else {
		d.records = append(d.records, r)
	}
	d.changed.Broadcast()
}

// Wait waits for the first record that matches and returns it. The test fails if
// there is none.
func (d *Daemon) Wait(what string, matches func(Record) bool) Record {
	d.tb.Helper()
	r, failure := d.wait(matches)
	if failure != "" {
		d.tb.Fatalf("the gateway %s logging %s:\n%s", failure, what, d.Log())
	}
	return r
}

// wait returns the first record that matches, or why there is none.
func (d *Daemon) wait(matches func(Record) bool) (r Record, failure string) {
	limit := time.Now().Add(patience)
	deadline := time.AfterFunc(patience, d.changed.Broadcast)
	defer deadline.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	for next := 0; ; {
		for ; next < len(d.records); next++ {
			if matches(d.records[next]) {
				return d.records[next], ""
			}
		}
		switch {
		case d.ended:
			return nil, "ended without"
		case !time.Now().Before(limit):
			return nil, "went on for " + patience.String() + " without"
		}
		d.changed.Wait()
	}
}

// Ready waits until the gateway watches Events.
func (d *Daemon) Ready() {
	d.tb.Helper()
	d.Wait("that it watches", func(r Record) bool { return r.Message() == "watching" })
}

// Records returns the records that match, as logged so far.
func (d *Daemon) Records(matches func(Record) bool) []Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []Record
	for _, r := range d.records {
		if matches(r) {
			found = append(found, r)
		}
	}
	return found
}

// Log returns everything logged so far, a line each.
func (d *Daemon) Log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for _, r := range d.records {
		line, err := json.Marshal(r)
		if err != nil {
			line = []byte(err.Error())
		}
		fmt.Fprintln(&b, string(line))
	}
	for _, line := range d.other {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// tail returns the end of the log.
func (d *Daemon) tail() string {
	const enough = 40
	lines := strings.Split(strings.TrimSpace(d.Log()), "\n")
	return strings.Join(lines[max(0, len(lines)-enough):], "\n")
}

// PID returns the process ID.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Signal sends the signal to the process.
func (d *Daemon) Signal(s os.Signal) {
	d.tb.Helper()
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.tb.Fatalf("signaling the gateway: %v", err)
	}
}

// Stop sends SIGTERM and waits for the end. The test fails if the exit code is not 0.
func (d *Daemon) Stop() {
	d.tb.Helper()
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		d.tb.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

// Kill kills the process and waits for its end.
func (d *Daemon) Kill() {
	d.Signal(os.Kill)
	<-d.done
}

// Exit waits for the end and returns the exit code.
func (d *Daemon) Exit() int {
	d.tb.Helper()
	select {
	case <-d.done:
	case <-time.After(patience):
		d.tb.Fatalf("the gateway did not end within %s:\n%s", patience, d.Log())
	}
	return d.cmd.ProcessState.ExitCode()
}
