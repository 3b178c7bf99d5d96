package source

import (
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// feed is a watch that a test sends to. Stopping it does not close its channel,
// because a real watch may not close it for a while either.
type feed struct {
	events  chan watch.Event
	stopped bool
}

func newFeed() *feed { return &feed{events: make(chan watch.Event)} }

func (f *feed) ResultChan() <-chan watch.Event { return f.events }
func (f *feed) Stop()                          { f.stopped = true }

// shows sends an event through the watch.
func (f *feed) shows() { f.events <- watch.Event{Type: watch.Added, Object: &metav1.Status{}} }

// passOn sends every event on, and nothing at the end.
func passOn(from watch.Interface) *stream {
	return newStream(from, func(w watch.Event, send func(watch.Event)) { send(w) }, func(func(watch.Event)) {})
}

func TestStream(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, from *feed){
		"an event that is sent is received": func(t *testing.T, from *feed) {
			s := passOn(from)
			go from.shows()
			if w := <-s.ResultChan(); w.Type != watch.Added {
				t.Errorf("received %v, want what was added", w)
			}
			s.Stop()
		},
		"the end of the source is the end of the stream": func(t *testing.T, from *feed) {
			s := passOn(from)
			close(from.events)
			if _, open := <-s.ResultChan(); open {
				t.Error("the stream continues after its source")
			}
			s.Stop()
		},
		"an event can be sent at the end of the source": func(t *testing.T, from *feed) {
			s := newStream(from, func(watch.Event, func(watch.Event)) {}, func(send func(watch.Event)) { send(watch.Event{Type: watch.Bookmark}) })
			close(from.events)
			if w := <-s.ResultChan(); w.Type != watch.Bookmark {
				t.Errorf("received %v, want what was sent at the end", w)
			}
			if _, open := <-s.ResultChan(); open {
				t.Error("the stream continues after its end")
			}
			s.Stop()
		},
		"nothing is sent at the end if the stream was stopped": func(t *testing.T, from *feed) {
			s := newStream(from, func(watch.Event, func(watch.Event)) {}, func(func(watch.Event)) { t.Error("the source has not ended") })
			s.Stop()
		},
		"a stream that is stopped ends even if its source does not": func(t *testing.T, from *feed) {
			s := passOn(from)
			s.Stop()
			if _, open := <-s.ResultChan(); open || !from.stopped {
				t.Errorf("the stream is open: %t, the source stopped: %t", open, from.stopped)
			}
		},
		"a stream that is stopped ends even if nothing receives from it": func(_ *testing.T, from *feed) {
			s := passOn(from)
			from.shows()
			synctest.Wait() // it waits to be received
			s.Stop()
		},
		"nothing is handled after the stop": func(t *testing.T, from *feed) {
			handling, goOn, done := make(chan struct{}), make(chan struct{}), false
			s := newStream(from, func(watch.Event, func(watch.Event)) {
				close(handling)
				<-goOn
				done = true
			}, func(func(watch.Event)) {})
			go from.shows()
			<-handling
			stopped := make(chan struct{})
			go func() {
				s.Stop()
				close(stopped)
			}()
			synctest.Wait()
			select {
			case <-stopped:
				t.Error("it is stopped while an event is being handled")
			default:
			}
			close(goOn)
			<-stopped
			if !done {
				t.Error("it is stopped before the event was handled")
			}
		},
		"it can be stopped twice": func(_ *testing.T, from *feed) {
			s := passOn(from)
			s.Stop()
			s.Stop()
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, newFeed()) })
		})
	}
}
