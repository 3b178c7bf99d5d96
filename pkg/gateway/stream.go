package gateway

import (
	"sync"

	"k8s.io/apimachinery/pkg/watch"
)

// stream is a watch whose events pass through a function. It does what
// watch.Filter of apimachinery does, and two things that Filter does not: it
// ends when it is stopped while an event waits to be received (Filter's
// goroutine then waits for ever), and it tells the function whether the event
// was received, on which the position depends.
type stream struct {
	source watch.Interface
	result chan watch.Event
	stop   chan struct{}
	once   sync.Once
}

// newStream starts a watch that shows what handle sends of each event of
// source. send returns false when the stream was stopped before the event was
// received.
func newStream(source watch.Interface, handle func(w watch.Event, send func(watch.Event) bool)) *stream {
	s := &stream{source: source, result: make(chan watch.Event), stop: make(chan struct{})}
	go func() {
		defer close(s.result)
		for w := range source.ResultChan() {
			handle(w, s.send)
			if s.stopped() {
				return
			}
		}
	}()
	return s
}

// ResultChan returns the channel of what was sent. It is closed when the
// source ends or the stream is stopped.
func (s *stream) ResultChan() <-chan watch.Event {
	return s.result
}

// Stop ends the stream and its source.
func (s *stream) Stop() {
	s.once.Do(func() {
		close(s.stop)
		s.source.Stop()
	})
}

func (s *stream) send(w watch.Event) bool {
	// The channel has no buffer: once this returns true, the event was received.
	select {
	case s.result <- w:
		return true
	case <-s.stop:
		return false
	}
}

func (s *stream) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}
