package source

import (
	"sync"

	"k8s.io/apimachinery/pkg/watch"
)

// stream is a watch with a function between it and its receiver, like watch.Filter
// of apimachinery. Unlike Filter, its goroutine ends if it is stopped while an
// event waits to be received.
type stream struct {
	source watch.Interface
	result chan watch.Event
	stop   chan struct{}
	once   sync.Once
	// ended is closed when the goroutine has returned.
	ended chan struct{}
}

// newStream starts a stream. It calls handle for each event of source, and end when
// source has ended without being stopped.
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

// ResultChan returns the channel of what handle and end send. It is closed when
// source ends or the stream is stopped.
func (s *stream) ResultChan() <-chan watch.Event {
	return s.result
}

// Stop stops the stream and its source. When it returns, handle does not run any
// more, so that it does not interfere with the next list or watch.
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
