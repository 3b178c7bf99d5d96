package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// batchEvery is the shortest interval between two writes of the log. Whatever
	// reads the log wakes for each write, which costs more than writing the record.
	batchEvery = 5 * time.Millisecond
	// maxBatch is the largest batch in bytes: half of the buffer of a pipe on Linux. A
	// larger record has a write of its own.
	maxBatch = 32 << 10
)

// batchWriter writes a record at once if none was written within batchEvery, and the
// others together after that interval. A batch that cannot be written is lost, as each
// of its records would have been. It is safe for concurrent use.
type batchWriter struct {
	w io.Writer

	mu      sync.Mutex
	batch   []byte
	written time.Time
	// later writes the batch. It is nil before the first one.
	later *time.Timer
}

// Write writes or collects one record.
func (b *batchWriter) Write(record []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.batch)+len(record) > maxBatch {
		b.flushLocked()
	}
	if len(b.batch) == 0 {
		now := time.Now()
		wait := batchEvery - now.Sub(b.written)
		if wait <= 0 || len(record) > maxBatch {
			b.written = now
			return b.w.Write(record)
		}
		b.flushAfter(wait)
	}
	b.batch = append(b.batch, record...)
	return len(record), nil
}

// flushAfter writes the batch later.
func (b *batchWriter) flushAfter(wait time.Duration) {
	if b.later == nil {
		b.later = time.AfterFunc(wait, b.Flush)
	} else {
		b.later.Reset(wait)
	}
}

// Flush writes what was collected.
func (b *batchWriter) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flushLocked()
}

func (b *batchWriter) flushLocked() {
	if len(b.batch) == 0 {
		return
	}
	_, _ = b.w.Write(b.batch) // there is no other log to report it to
	b.batch, b.written = b.batch[:0], time.Now()
}

// urgentHandler writes the batch after each warning and error, which may be the last
// record of the process.
type urgentHandler struct {
	slog.Handler // writes to batch
	batch        *batchWriter
}

// Handle writes a record.
func (h urgentHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.batch.Flush()
	}
	return err
}

func (h urgentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgentHandler{h.Handler.WithAttrs(attrs), h.batch}
}

func (h urgentHandler) WithGroup(name string) slog.Handler {
	return urgentHandler{h.Handler.WithGroup(name), h.batch}
}
