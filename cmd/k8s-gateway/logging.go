package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"unicode"

	"k8s.io/klog/v2"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

const (
	logJSON = "json"
	logText = "text"
)

// newLogger returns a logger in the given format, at level info. klog, through which
// client-go logs, writes to it too.
func newLogger(format string, w io.Writer) *slog.Logger {
	return loggerTo(newHandler(format, slog.LevelInfo, w))
}

// newBatchLogger returns a logger like newLogger at a given level, which writes in
// batches, and a function that writes what is left.
func newBatchLogger(format string, level slog.Level, w io.Writer) (log *slog.Logger, flush func()) {
	batch := &batchWriter{w: w}
	return loggerTo(urgentHandler{newHandler(format, level, batch), batch}), batch.Flush
}

func newHandler(format string, level slog.Level, w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == logText {
		return newTextHandler(w, options)
	}
	return slog.NewJSONHandler(escaper{w}, options)
}

// loggerTo returns a logger, to which klog logs too.
func loggerTo(handler slog.Handler) *slog.Logger {
	log := slog.New(handler)
	klog.SetSlogLogger(log.With("component", "client-go"))
	return log
}

func parseLevel(name string) (slog.Level, error) {
	switch name {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("--log-level %q: must be debug, info, warn or error", name)
}

// textHandler is slog's text handler, except that it writes two things on lines
// below the record, where they are readable: an Event, as the first gateway wrote
// it, and the further lines of an error that is a report. The text of an Event
// cannot be mistaken for a record, because it is quoted, and lines of errors are
// indented.
type textHandler struct {
	slog.Handler // writes to shared.record
	shared       *textOutput
}

// textOutput is what the handlers of one logger share.
type textOutput struct {
	mu     sync.Mutex
	record bytes.Buffer
	w      io.Writer
}

func newTextHandler(w io.Writer, options *slog.HandlerOptions) *textHandler {
	shared := &textOutput{w: w}
	return &textHandler{Handler: slog.NewTextHandler(&shared.record, options), shared: shared}
}

// Handle writes a record, and the lines below it, in one call.
func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	var below strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		var text string
		switch value := a.Value.Any().(type) {
		case json.Marshaler:
			if data, err := value.MarshalJSON(); err == nil && a.Key == "event" {
				fmt.Fprintf(&below, "%s: %s\n", printable.Text(r.Message), escape(string(data)))
				return true
			}
		case error:
			text = value.Error()
		}
		first, rest, several := strings.Cut(text, "\n")
		if !several {
			short.AddAttrs(a)
			return true
		}
		short.AddAttrs(slog.String(a.Key, first))
		for line := range strings.Lines(strings.TrimRight(rest, "\n")) {
			fmt.Fprintf(&below, "%s\n", indented(printable.Text(strings.TrimSuffix(line, "\n"))))
		}
		return true
	})
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	h.shared.record.Reset()
	if err := h.Handler.Handle(ctx, short); err != nil {
		return err
	}
	h.shared.record.WriteString(below.String())
	_, err := h.shared.w.Write(h.shared.record.Bytes())
	return err
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{Handler: h.Handler.WithAttrs(attrs), shared: h.shared}
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{Handler: h.Handler.WithGroup(name), shared: h.shared}
}

// indented returns a line that begins with a space.
func indented(line string) string {
	if strings.HasPrefix(line, " ") {
		return line
	}
	return "  " + line
}

// escaper writes JSON with escapes for the control characters from U+007F to
// U+009F, which an Event may have. JSON allows them and slog does not escape them,
// but a terminal may interpret them: U+009B begins an escape sequence.
type escaper struct{ w io.Writer }

// Write writes one record.
func (e escaper) Write(record []byte) (int, error) {
	escaped := record
	if bytes.ContainsFunc(record, isControl) {
		escaped = []byte(escape(string(record)))
	}
	if _, err := e.w.Write(escaped); err != nil {
		return 0, err
	}
	return len(record), nil
}

// isControl reports whether r is one of the control characters from U+007F to U+009F.
func isControl(r rune) bool { return r >= 0x7f && unicode.IsControl(r) }

func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		if isControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
