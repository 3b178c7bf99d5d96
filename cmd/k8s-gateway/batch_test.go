package main

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// writes is a writer that keeps each write.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), nil
}

// take returns the writes since the last call.
func (w *writes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.all
	w.all = nil
	return taken
}

// afterBatch waits until a batch that was begun has been written.
func afterBatch() {
	time.Sleep(batchEvery) // fake clock
	synctest.Wait()
}

func TestRecordsAreWrittenInBatches(t *testing.T) {
	t.Parallel()
	large, half := strings.Repeat("x", maxBatch+1), strings.Repeat("y", maxBatch/2)
	tests := map[string]struct {
		write func(b *batchWriter)
		// atOnce are the writes before time passes, and later those after an interval.
		atOnce, later []string
	}{
		"a single record":          {func(b *batchWriter) { write(b, "a") }, []string{"a"}, nil},
		"more within the interval": {func(b *batchWriter) { write(b, "a", "b", "c") }, []string{"a"}, []string{"bc"}},
		"after an interval":        {func(b *batchWriter) { write(b, "a"); afterBatch(); write(b, "b") }, []string{"a", "b"}, nil},
		"after a batch":            {func(b *batchWriter) { write(b, "a", "b"); afterBatch(); write(b, "c") }, []string{"a", "b"}, []string{"c"}},
		"flushed":                  {func(b *batchWriter) { write(b, "a", "b", "c"); b.Flush(); write(b, "d") }, []string{"a", "bc"}, []string{"d"}},
		"nothing to flush":         {func(b *batchWriter) { b.Flush() }, nil, nil},
		"a large record":           {func(b *batchWriter) { write(b, "a", "b", large, "c") }, []string{"a", "b", large}, []string{"c"}},
		"many records":             {func(b *batchWriter) { write(b, "a", half, half, "b") }, []string{"a", half + half}, []string{"b"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				out := &writes{}
				tc.write(&batchWriter{w: out})
				if diff := cmp.Diff(tc.atOnce, out.take()); diff != "" {
					t.Error("at once:", diff)
				}
				afterBatch()
				if diff := cmp.Diff(tc.later, out.take()); diff != "" {
					t.Error("later:", diff)
				}
			})
		})
	}
}

func write(b *batchWriter, records ...string) {
	for _, r := range records {
		_, _ = b.Write([]byte(r)) // writes does not fail
	}
}

// TestNoRecordIsLostOrTorn writes from many goroutines while batches are written.
func TestNoRecordIsLostOrTorn(t *testing.T) {
	t.Parallel()
	out := &writes{}
	b := &batchWriter{w: out}
	var writing sync.WaitGroup
	var want []string
	for i := range 8 {
		for j := range 1000 {
			want = append(want, fmt.Sprintf("%d-%d\n", i, j))
		}
		writing.Go(func() {
			for j := range 1000 {
				write(b, fmt.Sprintf("%d-%d\n", i, j))
			}
		})
	}
	writing.Wait()
	b.Flush()
	got := slices.Collect(strings.Lines(strings.Join(out.take(), "")))
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWarningsAreWrittenAtOnce checks that a warning waits in no batch, and nothing that
// was logged before it.
func TestWarningsAreWrittenAtOnce(t *testing.T) {
	for _, format := range []string{logJSON, logText} {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &writes{}
				log, flush := newBatchLogger(format, slog.LevelInfo, out)
				log = log.With("destination", "d").WithGroup("g")
				log.Info("one")
				log.Info("two")
				log.Warn("three")
				log.Info("four")
				log.Error("five")
				log.Info("six")
				if diff := cmp.Diff([][]string{{"one"}, {"two", "three"}, {"four", "five"}}, messages(out.take())); diff != "" {
					t.Error("at once:", diff)
				}
				flush()
				if diff := cmp.Diff([][]string{{"six"}}, messages(out.take())); diff != "" {
					t.Error("flushed:", diff)
				}
			})
		})
	}
}

// messages returns the messages of the records in each write.
func messages(writes []string) [][]string {
	message := regexp.MustCompile(`msg"?[=:]"?(\w+)`)
	all := make([][]string, len(writes))
	for i, w := range writes {
		for _, found := range message.FindAllStringSubmatch(w, -1) {
			all[i] = append(all[i], found[1])
		}
	}
	return all
}

// broken is a writer that fails.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestABrokenLogStopsNothing(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		log, flush := newBatchLogger(logJSON, slog.LevelInfo, broken{})
		for range 100 {
			log.Info("lost")
		}
		log.Error("lost too")
		afterBatch()
		flush()
	})
}
