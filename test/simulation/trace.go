package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// trace has the events of one run, in fake time. It is printed only if the run failed.
type trace struct {
	mu    sync.Mutex
	began time.Time
	lines []line
}

// line is one line of a trace. Nothing changes its arguments.
type line struct {
	at     time.Duration
	who    string
	format string
	args   []any
}

// begin sets the start of the run.
func (t *trace) begin(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = at
}

// addf adds a line about the given actor.
func (t *trace) addf(who, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line{at: time.Since(t.began), who: who, format: format, args: args})
}

// clock formats a time since the start of a run.
func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d.%03d", int(d.Minutes()), int(d.Seconds())%60, d.Milliseconds()%1000)
}

// String returns the whole trace, one line per entry.
func (t *trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	for _, l := range t.lines {
		fmt.Fprintf(&text, "%s  %-9s %s\n", clock(l.at), l.who, fmt.Sprintf(l.format, l.args...))
	}
	return text.String()
}

// logger returns a logger whose records become lines about the given actor.
func (t *trace) logger(who string) *slog.Logger {
	return slog.New(&lines{trace: t, who: who})
}

// lines is a slog handler that writes to a trace.
type lines struct {
	trace *trace
	who   string
	attrs string
}

// logRecord is a log record that is formatted when it is read.
type logRecord struct{ record slog.Record }

// String returns the message and its attributes.
func (s logRecord) String() string {
	text := s.record.Level.String() + " " + s.record.Message
	s.record.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	return text
}

func (h *lines) Enabled(context.Context, slog.Level) bool { return true }

func (h *lines) Handle(_ context.Context, r slog.Record) error {
	h.trace.addf(h.who, "log: %s%s", logRecord{r.Clone()}, h.attrs)
	return nil
}

func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	for _, a := range attrs {
		next.attrs += " " + a.String()
	}
	return &next
}

func (h *lines) WithGroup(string) slog.Handler { return h }
