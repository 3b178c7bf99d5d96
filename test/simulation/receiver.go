package simulation

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"syscall"
	"time"

	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	corev1 "k8s.io/api/core/v1"
)

// What can go wrong at a receiver, besides refused, silent, lost, internal,
// unavailable, throttled and slow.
const (
	taken500 faultKind = "500 after the message was taken"
	late     faultKind = "answers after the timeout"
	cut      faultKind = "connections are cut before the message is taken"
)

// retryAfter is what a receiver asks for that answers 429.
const retryAfter = 20 * time.Second

// post carries the messages of a process to the model receivers of CloudEvents.
// The name of a receiver is that of its destination.
type post struct{ process *process }

// RoundTrip sends one message.
func (t post) RoundTrip(r *http.Request) (*http.Response, error) {
	p, s, sent := t.process, t.process.server, time.Now()
	name, _, _ := strings.Cut(r.URL.Hostname(), ".")
	m, err := cehttp.NewEventFromHTTPRequest(r)
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.record.invalid = append(s.record.invalid, err.Error())
		return nil, err
	}
	s.mu.Lock()
	s.record.attempts = append(s.record.attempts, &attempt{at: sent, destination: name, name: name + "/" + m.ID(), process: p})
	n := s.chanceOf(p.name + " sends " + name + "/" + m.ID())
	s.mu.Unlock()
	if err := pause(r.Context(), time.Duration(n%2000)*time.Microsecond); err != nil {
		return nil, err
	}
	response, err := s.receive(p, r, name, m, sent, s.faultOf(p, name, n))
	switch {
	case err != nil:
		s.trace.addf(p.name, "send %s/%s: %v", name, m.ID(), err)
	default:
		s.trace.addf(p.name, "send %s/%s: %s", name, m.ID(), response.Status)
	}
	return response, err
}

// faultOf returns the fault that a message meets, or nil. n is drawn for it.
func (s *Server) faultOf(p *process, receiver string, n uint64) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.receiverFaults {
		if f.concerns(p.name, receiver, time.Now()) && share(n) < f.share {
			return f
		}
	}
	return nil
}

// receive carries a message to its receiver and the answer back.
func (s *Server) receive(p *process, r *http.Request, name string, m *cloudevent.Event, sent time.Time, f *fault) (*http.Response, error) {
	kind := faultKind("")
	if f != nil {
		kind = f.kind
	}
	switch {
	case p.gone(time.Now()):
		return nil, hang(r.Context())
	case kind == refused:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	switch kind {
	case silent:
		return nil, hang(r.Context())
	case slow:
		if err := pause(r.Context(), 3*time.Second); err != nil {
			return nil, err
		}
	case cut:
		return nil, io.ErrUnexpectedEOF
	case internal:
		return answered500(r), nil
	case unavailable:
		return respond(r, http.StatusServiceUnavailable, http.Header{}, http.NoBody, 0), nil
	case throttled:
		header := http.Header{"Retry-After": []string{strconv.Itoa(int(retryAfter.Seconds()))}}
		return respond(r, http.StatusTooManyRequests, header, http.NoBody, 0), nil
	default: // it is taken
	}
	if contains(m.Data(), tooLargeMark) || contains(m.Data(), invalidMark) {
		s.mu.Lock()
		s.record.refused[name] = append(s.record.refused[name], time.Now())
		s.mu.Unlock()
		return respond(r, http.StatusBadRequest, http.Header{}, http.NoBody, 0), nil
	}
	s.mu.Lock()
	taken := s.record.receive(p, name, m, sent)
	s.mu.Unlock()
	switch kind {
	case lost:
		return nil, io.ErrUnexpectedEOF
	case taken500:
		return answered500(r), nil
	case late:
		return nil, errors.Join(hang(r.Context()), errConnectionLost)
	default: // and answered
	}
	s.mu.Lock()
	if taken.answered = !p.gone(time.Now()); taken.answered && s.record.builds[taken.build.name].answered.IsZero() {
		s.record.builds[taken.build.name].answered = time.Now()
	}
	s.mu.Unlock()
	return respond(r, http.StatusAccepted, http.Header{}, http.NoBody, 0), nil
}

func answered500(r *http.Request) *http.Response {
	return respond(r, http.StatusInternalServerError, http.Header{}, http.NoBody, 0)
}

// receipt is a message that a receiver took.
type receipt struct {
	build *build
	// answered says that the gateway read that it was taken.
	answered bool
}

// receive records a message. The first with its id is the one that its Event asked
// for, as a build is.
func (r *record) receive(p *process, name string, m *cloudevent.Event, sent time.Time) *receipt {
	var e corev1.Event
	_ = json.Unmarshal(m.Data(), &e) // a message without an Event is asked for by none
	b := &build{
		destination: name, name: name + "/" + m.ID(), flow: name + " " + e.Namespace, version: e.ResourceVersion,
		sent: sent, at: time.Now(), process: p, term: p.term,
	}
	taken := &receipt{build: b}
	r.received = append(r.received, taken)
	if r.builds[b.name] == nil {
		r.builds[b.name] = b
		r.created = append(r.created, b)
	}
	return taken
}
