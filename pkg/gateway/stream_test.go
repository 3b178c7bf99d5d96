package gateway

import (
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// source is a watch that shows what is put into it. Stopping it does not close
// its channel, as that of a real watch may not be for a while.
type source struct {
	events  chan watch.Event
	stopped bool
}

func newSource() *source { return &source{events: make(chan watch.Event)} }

func (s *source) ResultChan() <-chan watch.Event { return s.events }
func (s *source) Stop()                          { s.stopped = true }

// shows puts an Event of the given type, name and version into the source.
func (s *source) shows(t watch.EventType, name, version string) {
	s.events <- watch.Event{Type: t, Object: versioned(name, version)}
}

func versioned(name, version string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "pequod", Name: name, ResourceVersion: version},
		InvolvedObject: corev1.ObjectReference{Namespace: "pequod"},
	}
}

// passOn hands everything on.
func passOn(w watch.Event, send func(watch.Event) bool) { send(w) }

func TestStream(t *testing.T) {
	tests := map[string]func(t *testing.T, from *source){
		"what is sent is received": func(t *testing.T, from *source) {
			s := newStream(from, passOn)
			go from.shows(watch.Added, "a", "1")
			if w := <-s.ResultChan(); w.Type != watch.Added {
				t.Errorf("received %v, want what was added", w)
			}
			s.Stop()
		},
		"the end of the source is the end of the stream": func(t *testing.T, from *source) {
			s := newStream(from, passOn)
			close(from.events)
			if _, open := <-s.ResultChan(); open {
				t.Error("the stream goes on after its source")
			}
			s.Stop()
		},
		"a stream that is stopped ends though its source does not": func(t *testing.T, from *source) {
			s := newStream(from, passOn)
			s.Stop()
			if _, open := <-s.ResultChan(); open || !from.stopped {
				t.Errorf("the stream is open: %t, the source stopped: %t", open, from.stopped)
			}
		},
		"an event that nobody waits for any more was not received": func(t *testing.T, from *source) {
			received := make(chan bool, 1)
			s := newStream(from, func(w watch.Event, send func(watch.Event) bool) { received <- send(w) })
			from.shows(watch.Added, "a", "1")
			synctest.Wait() // the event waits to be received
			s.Stop()
			if <-received {
				t.Error("send says that the event was received")
			}
		},
		"once it is stopped nothing is handled any more": func(t *testing.T, from *source) {
			handling, goOn, done := make(chan struct{}), make(chan struct{}), false
			s := newStream(from, func(watch.Event, func(watch.Event) bool) {
				close(handling)
				<-goOn
				done = true
			})
			go from.shows(watch.Added, "a", "1")
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
		"it may be stopped again": func(_ *testing.T, from *source) {
			s := newStream(from, passOn)
			s.Stop()
			s.Stop()
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newSource()) })
		})
	}
}
