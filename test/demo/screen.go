package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen prints lines with the seconds since the start.
type screen struct {
	start time.Time
	color bool

	mu     sync.Mutex
	out    io.Writer
	own    map[string]bool // Brigade's pods of which an Event has been shown
	folded int             // Events about them that have not
}

func newScreen(out *os.File) *screen {
	return &screen{
		start: time.Now(),
		out:   out,
		own:   map[string]bool{},
		color: term.IsTerminal(int(out.Fd())) && os.Getenv("NO_COLOR") == "",
	}
}

// The colors of a verdict, a build and a worker.
const (
	green = "32"
	cyan  = "36"
	gray  = "90"
)

// printf prints a line of the demo itself.
func (s *screen) printf(format string, args ...any) {
	s.line("", fmt.Sprintf(format, args...))
}

// Write shows lines of other programs, so that a screen can show progress.
func (s *screen) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		s.printf("%s", bytes.TrimRight(line, "\n"))
	}
	return len(p), nil
}

// event shows an Event with its verdict. Of the Events about each of Brigade's own pods,
// which are all rejected, it shows only the first.
func (s *screen) event(r record, built bool) {
	if r.Namespace == buildNamespace && r.Verdict != "accept" && s.fold(r.Name) {
		return
	}
	color, verdict := gray, r.Verdict
	if verdict == "accept" {
		color, verdict = green, "ACCEPT"
	}
	object := r.Kind + " " + r.Name
	if r.Namespace != "" {
		object = r.Kind + " " + r.Namespace + "/" + r.Name
	}
	reason := r.Reason
	if r.Count > 1 {
		reason += fmt.Sprintf(" x%d", r.Count)
	}
	if built {
		object += ", built already"
	}
	s.line(color, fmt.Sprintf("%-7s %-11s %-18s %s", verdict, r.By, reason, object))
}

// fold reports whether an Event about this pod was shown before.
func (s *screen) fold(pod string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own[pod] {
		s.folded++
		return true
	}
	s.own[pod] = true
	return false
}

// sum prints the counts.
func (s *screen) sum(a account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintf(s.out, "\n%d Events to build, %d others (of %d about Brigade's own pods only the first for each pod is shown)\n%s\n",
		len(a.accepted), len(a.rejected), s.folded+len(s.own), a.summary())
}

func (s *screen) build(id string, cause record) {
	s.line(cyan, fmt.Sprintf("%-7s %-30s %s:%s %s/%s", "build", id, cause.Kind, cause.Reason, cause.Namespace, cause.Name))
}

func (s *screen) worker(id, phase string) {
	s.line(cyan, fmt.Sprintf("%-7s %-30s %s", "worker", id, phase))
}

// block prints several lines below a title.
func (s *screen) block(title string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	indented := "    " + strings.ReplaceAll(strings.TrimRight(string(text), "\n"), "\n", "\n    ")
	_, _ = fmt.Fprintf(s.out, "\n  %s:\n%s\n\n", title, indented)
}

func (s *screen) line(color, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if color != "" && s.color {
		text = "\x1b[" + color + "m" + text + "\x1b[0m"
	}
	_, _ = fmt.Fprintf(s.out, "%6.1fs  %s\n", time.Since(s.start).Seconds(), text)
}
