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
	// ended is closed when the goroutine has returned.
	ended chan struct{}
}

// newStream starts a watch that shows what handle sends of each event of
// source. send returns false when the stream was stopped before the event was
// received.
func newStream(source watch.Interface, handle func(w watch.Event, send func(watch.Event) bool)) *stream {
	s := &stream{source: source, result: make(chan watch.Event), stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		defer close(s.result)
		for {
			select {
			case <-s.stop:
				return
			case w, open := <-source.ResultChan():
				if !open {
					return
				}
				handle(w, s.send)
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

// Stop ends the stream and its source. When it returns, handle is called no
// more: what it still did would meet the list or watch that comes next.
func (s *stream) Stop() {
	s.once.Do(func() {
		close(s.stop)
		s.source.Stop()
	})
	<-s.ended
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
