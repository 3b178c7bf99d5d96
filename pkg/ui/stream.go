package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// streamEvery is the interval in which new rows are sent to a browser. A browser
	// costs nothing in between, and never delays the reading of Events. Rows are
	// encoded once for all browsers that are up to date.
	streamEvery = 250 * time.Millisecond
	// statusEvery and heartbeatEvery count such intervals.
	statusEvery    = 4
	heartbeatEvery = 60
	// maxBatch is how many rows one message has, and maxBatches how many messages
	// are sent at a time. A browser that is further behind catches up later, and
	// misses the Events that the store has dropped by then.
	maxBatch   = 500
	maxBatches = 4
)

// noDeadline takes a deadline away.
var noDeadline time.Time //nolint:gochecknoglobals // the zero value, never written

// stateMessage has the list and the source.
type stateMessage struct {
	Where  string      `json:"where"`
	Source sourceState `json:"source"`
	List   listState   `json:"list"`
	// Max is how many Events are stored at most.
	Max int `json:"max"`
}

type sourceState struct {
	State SourceState `json:"state"`
	Error string      `json:"error,omitempty"`
}

type listState struct {
	Name string `json:"name"`
	Text string `json:"text"`
	// Runs is whether the list has no faults.
	Runs bool `json:"runs"`
}

// eventsMessage has new rows.
type eventsMessage struct {
	Rows []row `json:"rows"`
	Held int   `json:"held"`
	Shed int64 `json:"shed"`
	// FirstRejected and FirstKept are the oldest rows that are still held.
	FirstRejected int64 `json:"firstRejected"`
	FirstKept     int64 `json:"firstKept"`
}

// stream sends the Events in the store and then new ones, as server-sent events.
// Each browser reads the store at its own pace, and nothing waits for it.
func (u *UI) stream(w http.ResponseWriter, r *http.Request) {
	if !u.streams.TryAcquire(1) {
		http.Error(w, fmt.Sprintf("%d browsers follow already; close one.", maxStreams), http.StatusServiceUnavailable)
		return
	}
	defer u.streams.Release(1)
	u.following.Add(1)
	defer u.following.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	s := &stream{ui: u, w: w, control: http.NewResponseController(w), after: u.resume(r)}
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for looks := 0; ; looks++ {
		if s.look(looks) != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-u.stopping:
			return
		case <-tick.C:
		}
	}
}

// resume returns the Event after which a stream resumes: a browser that had a
// stream of this process sends the ID of the last message it got.
func (u *UI) resume(r *http.Request) int64 {
	process, id, _ := strings.Cut(r.Header.Get("Last-Event-ID"), ".")
	if process != u.process {
		return 0
	}
	after, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return min(after, u.store.last.Load())
}

// stream is one browser's stream.
type stream struct {
	ui      *UI
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  bytes.Buffer
	after   int64
	version uint64
	begun   bool
	status  []byte
}

// look sends what has changed.
func (s *stream) look(looks int) error {
	if err := s.sendState(); err != nil {
		return err
	}
	for range maxBatches {
		if s.begun && s.ui.store.last.Load() == s.after {
			break
		}
		if err := s.sendEvents(); err != nil {
			return err
		}
	}
	if s.ui.options.Status != nil && looks%statusEvery == 0 {
		if err := s.sendStatus(); err != nil {
			return err
		}
	}
	if looks%heartbeatEvery == 0 {
		s.buffer.WriteString(": here\n\n")
	}
	return s.flush()
}

// sendState sends the list and the source if they have changed.
func (s *stream) sendState() error {
	list, source, version := s.ui.state()
	if s.begun && version == s.version {
		return nil
	}
	s.version = version
	m := stateMessage{
		Where:  s.ui.options.Where,
		Source: sourceState{State: source.State},
		List:   listState{Name: list.Name, Text: list.Text, Runs: list.Config != nil},
		Max:    s.ui.options.MaxEvents,
	}
	if source.Err != nil {
		m.Source.Error = source.Err.Error()
	}
	return s.send("state", "", m)
}

// sendEvents sends the next batch of rows.
func (s *stream) sendEvents() error {
	next, err := s.ui.next(s.after)
	if err != nil {
		return err
	}
	s.after, s.begun = next.to, true
	s.write("events", fmt.Sprintf("%s.%d", s.ui.process, s.after), next.data)
	return s.flush()
}

// batch is an encoded message with the rows of the Events above after, up to
// to.
type batch struct {
	after, to int64
	data      []byte
}

// next returns the batch for a browser that has the Events up to after. The
// newest batch is shared: the first browser at its beginning makes it, and the
// others there get the same. A browser that is behind gets batches of its own
// that end where the shared one does, and is with the others from then on.
func (u *UI) next(after int64) (batch, error) {
	u.batchMu.Lock()
	defer u.batchMu.Unlock()
	if u.newest.after == after && u.newest.to > after {
		return u.newest, nil
	}
	through := u.newest.to
	upToDate := after >= through
	if upToDate {
		through = u.store.last.Load()
	}
	out, err := u.batchOf(after, through)
	if upToDate && err == nil {
		u.newest = out
	}
	return out, err
}

// batchOf encodes the first Events above after, none of them above through.
func (u *UI) batchOf(after, through int64) (batch, error) {
	held := u.store.since(after, maxBatch)
	m := eventsMessage{
		Rows: make([]row, 0, len(held.entries)), Held: held.held, Shed: held.shed,
		FirstRejected: held.firstRejected, FirstKept: held.firstKept,
	}
	for _, x := range held.entries {
		if x.id <= through {
			m.Rows = append(m.Rows, rowOf(x))
		}
	}
	out := batch{after: after, to: max(after, through)}
	if n := len(m.Rows); n == maxBatch {
		out.to = m.Rows[n-1].ID
	}
	var err error
	out.data, err = json.Marshal(m)
	return out, err
}

// sendStatus sends what the daemon is doing if that has changed.
func (s *stream) sendStatus() error {
	status, err := json.Marshal(s.ui.options.Status())
	if err != nil || bytes.Equal(status, s.status) {
		return err
	}
	s.status = status
	return s.send("status", "", json.RawMessage(status))
}

// send encodes a message and writes it.
func (s *stream) send(name, id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.write(name, id, data)
	return s.flush()
}

// write buffers one message; JSON has no line breaks.
func (s *stream) write(name, id string, data []byte) {
	fmt.Fprintf(&s.buffer, "event: %s\n", name)
	if id != "" {
		fmt.Fprintf(&s.buffer, "id: %s\n", id)
	}
	s.buffer.WriteString("data: ")
	s.buffer.Write(data)
	s.buffer.WriteString("\n\n")
}

// flush writes what is buffered. It fails for a browser that does not read in
// time, which ends the stream.
func (s *stream) flush() error {
	if s.buffer.Len() == 0 {
		return nil
	}
	_ = s.control.SetWriteDeadline(s.ui.now().Add(s.ui.writeTimeout))
	_, err := s.w.Write(s.buffer.Bytes())
	s.buffer.Reset()
	if err != nil {
		return err
	}
	return s.control.Flush()
}
