package main

import (
	"io"
	"log/slog"

	"k8s.io/klog/v2"
)

const (
	logJSON = "json"
	logText = "text"
)

// newLogger returns a logger in the given format, and routes klog, through
// which client-go logs, into it.
func newLogger(format string, w io.Writer) *slog.Logger {
	var handler slog.Handler = slog.NewJSONHandler(w, nil)
	if format == logText {
		handler = slog.NewTextHandler(w, nil)
	}
	log := slog.New(handler)
	klog.SetSlogLogger(log.With("component", "client-go"))
	return log
}
