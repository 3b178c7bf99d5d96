package source

import (
	"sync"

	"k8s.io/apimachinery/pkg/watch"
)

// stream is a watch whose events pass through a function. It does what
// watch.Filter of apimachinery does, and ends when it is stopped while an event
// waits to be received, where Filter's goroutine waits forever.
type stream struct {
	source watch.Interface
	result chan watch.Event
	stop   chan struct{}
	once   sync.Once
	// ended is closed when the goroutine has returned.
	ended chan struct{}
}

// newStream starts a watch that shows what handle sends of each event of
// source, and what end sends when the source has ended by itself.
func newStream(source watch.Interface, handle func(w watch.Event, send func(watch.Event)), end func(send func(watch.Event))) *stream {
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
					end(s.send)
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

func (s *stream) send(w watch.Event) {
	select {
	case s.result <- w:
	case <-s.stop:
	}
}
