// Package bubbletest has what tests in a testing/synctest bubble share: the passing of
// fake time, and a log.
package bubbletest

import (
	"bytes"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// Pass lets fake time pass, and returns when all other goroutines of the bubble wait.
func Pass(d time.Duration) {
	time.Sleep(d) // fake clock
	synctest.Wait()
}

// Log keeps a log, which a test reads while other goroutines write it. The zero value
// is empty.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the log so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count returns how often the log contains a text.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// Lines returns the lines of the log that contain a text.
func (l *Log) Lines(text string) string {
	var found strings.Builder
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			found.WriteString(line)
		}
	}
	return found.String()
}
