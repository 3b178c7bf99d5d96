package simulation

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	// bookmarkEvery is how often a watch gets a bookmark.
	bookmarkEvery = time.Minute
	// listLag is how long a streamed list continues with changes before its end is
	// marked, as with a watch cache that catches up.
	listLag = 20 * time.Millisecond
)

// stream is the body of a watch. It has no goroutine: each Read returns what has not
// been sent yet, or waits.
type stream struct {
	server  *Server
	process *process
	request *request
	which   selector
	epoch   int
	// canceled is closed when the request ends.
	canceled <-chan struct{}
	closed   chan struct{}
	once     sync.Once
	// ends is when the server ends the watch by itself.
	ends     time.Time
	bookmark time.Time

	// silent is since when the watch is frozen, or zero.
	silent time.Time

	// version is the last version that was sent or skipped.
	version int64
	// initial is the unsent part of a streamed list, and listed is when its end is
	// marked; both are zero without one.
	initial []object
	listed  time.Time
	// read are the Events of the list, recorded when its end is read.
	read []*eventVersion
	// sent was written to buffer, and is read when the client asks for more.
	sent   []*eventVersion
	buffer []byte
}

// watch answers a watch. It is called with the lock held.
func (s *Server) watch(ctx context.Context, p *process, r *http.Request, q *request) (*http.Response, error) {
	which, err := newSelector(q)
	if err != nil {
		return answer(r, q, nil, apierrors.NewBadRequest(err.Error()))
	}
	now := time.Now()
	timeout := 40 * time.Minute
	if seconds, err := strconv.Atoi(q.query.Get("timeoutSeconds")); err == nil {
		timeout = time.Duration(seconds) * time.Second
	}
	st := &stream{
		server: s, process: p, request: q, which: which, epoch: s.epoch, canceled: ctx.Done(),
		closed: make(chan struct{}), ends: now.Add(timeout), bookmark: now.Add(bookmarkEvery), version: s.history.version,
	}
	asked, _ := strconv.ParseInt(q.query.Get("resourceVersion"), 10, 64) // none is the latest
	switch {
	case q.query.Get("sendInitialEvents") == "true":
		if s.options.NoWatchList {
			return answer(r, q, nil, noStreamedLists())
		}
		if err := s.tooLarge(q); err != nil {
			return answer(r, q, nil, err)
		}
		for _, o := range s.history.at(st.version, q.resource, q.namespace) {
			if which.matches(keyOf(q.resource, o), o) {
				st.initial = append(st.initial, o)
			}
		}
		st.listed = now.Add(listLag)
	case asked > 0 && asked < s.history.compacted:
		return answer(r, q, nil, apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", asked, s.history.compacted)))
	case asked > 0:
		// A watch from a later version sends nothing until the history reaches it.
		st.version = asked
	}
	s.streams[st] = struct{}{}
	header := http.Header{"Content-Type": []string{q.codec.stream()}}
	return respond(r, http.StatusOK, header, st, -1), nil
}

// Read implements io.Reader for the client.
func (st *stream) Read(p []byte) (int, error) {
	for {
		n, wait, err := st.next(p)
		if n > 0 || err != nil {
			return n, err
		}
		timer := time.NewTimer(wait.delay)
		select {
		case <-timer.C:
		case <-wait.changed:
		case <-st.canceled:
		case <-st.closed:
		}
		timer.Stop()
	}
}

// wait is what an idle stream waits for.
type wait struct {
	delay   time.Duration
	changed <-chan struct{}
}

// next fills p, or returns what to wait for.
func (st *stream) next(p []byte) (int, wait, error) {
	s := st.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if isDone(st.canceled) {
		return 0, wait{}, context.Canceled
	}
	if isDone(st.closed) {
		return 0, wait{}, http.ErrBodyReadAfterClose
	}
	if len(st.buffer) == 0 {
		s.record.deliver(st.process, st.sent...)
		st.sent = nil
		delay, err := st.fill()
		if err != nil {
			delete(s.streams, st)
			return 0, wait{}, err
		}
		if len(st.buffer) == 0 {
			return 0, wait{delay: max(delay, time.Millisecond), changed: s.changed}, nil
		}
	}
	n := copy(p, st.buffer)
	st.buffer = st.buffer[n:]
	return n, wait{}, nil
}

// fill writes one event to the buffer, or returns when to try again.
func (st *stream) fill() (time.Duration, error) {
	s, now := st.server, time.Now()
	if st.process.gone(now) || s.frozen(st.process, st.request, now) {
		if st.silent.IsZero() {
			st.silent = now
		}
		if now.Sub(st.silent) >= longestHang {
			return 0, errConnectionLost
		}
		return time.Second, nil
	}
	st.silent = time.Time{}
	if st.epoch != s.epoch || !now.Before(st.ends) {
		return 0, io.EOF
	}
	if len(st.initial) > 0 {
		o := st.initial[0]
		st.initial = st.initial[1:]
		if v := s.record.versions[versionOf(o)]; st.request.resource == events && v != nil {
			st.read = append(st.read, v)
		}
		return 0, st.send(watch.Added, o, versionOf(o))
	}
	if st.version < s.history.compacted {
		st.ends = now // the next changes were compacted
		status := statusOf(apierrors.NewResourceExpired("too old resource version"))
		var err error
		st.buffer, err = st.request.codec.frame(string(watch.Error), status)
		return 0, err
	}
	for _, c := range s.history.after(st.version) {
		st.version = c.version
		kind, o := st.show(c)
		if o == nil {
			continue
		}
		if v := s.record.versions[c.version]; st.request.resource == events && v != nil && c.next != nil {
			if st.listed.IsZero() {
				st.sent = append(st.sent, v)
			} else {
				st.read = append(st.read, v)
			}
		}
		return 0, st.send(kind, o, c.version)
	}
	if !st.listed.IsZero() {
		if now.Before(st.listed) {
			return st.listed.Sub(now), nil
		}
		st.listed = time.Time{}
		st.sent, st.read = st.read, nil
		return 0, st.mark(true)
	}
	if !now.Before(st.bookmark) && st.version <= s.history.version {
		st.bookmark = now.Add(bookmarkEvery)
		return 0, st.mark(false)
	}
	return min(st.ends.Sub(now), max(st.bookmark.Sub(now), time.Second)), nil
}

// show returns how a change appears in the selection, or nil.
func (st *stream) show(c change) (watch.EventType, object) {
	before, after := st.which.matches(c.key, c.previous), st.which.matches(c.key, c.next)
	switch {
	case before && after:
		return watch.Modified, c.next
	case after:
		return watch.Added, c.next
	case before && c.next != nil:
		return watch.Deleted, c.next
	case before:
		return watch.Deleted, c.previous
	default:
		return "", nil
	}
}

// send writes o as it was at the given version, which a deletion raises.
func (st *stream) send(kind watch.EventType, o object, version int64) error {
	if versionOf(o) != version {
		if copied, ok := o.DeepCopyObject().(object); ok {
			o = copied
			o.SetResourceVersion(strconv.FormatInt(version, 10))
		}
	}
	if st.request.resource == pods {
		st.server.record.see(st.process, o)
	}
	st.reach(version)
	var err error
	st.buffer, err = st.request.codec.frame(string(kind), st.request.codec.shape(o))
	return err
}

// mark writes a bookmark, which may end a streamed list.
func (st *stream) mark(last bool) error {
	if !last && st.request.query.Get("allowWatchBookmarks") != "true" {
		return nil
	}
	if last && st.request.resource == events {
		st.server.record.list(st.process, st.request.namespace, st.version)
	}
	st.reach(st.version)
	b := st.request.codec.bookmark(st.request.resource, strconv.FormatInt(st.version, 10), last)
	var err error
	st.buffer, err = st.request.codec.frame(string(watch.Bookmark), b)
	return err
}

// reach records how far the process has read Events. In a streamed list they are not in
// the order of versions.
func (st *stream) reach(version int64) {
	if st.request.resource == events && st.listed.IsZero() {
		st.server.record.reach(st.process, st.request.namespace, version)
	}
}

// Close implements io.Closer for the client.
func (st *stream) Close() error {
	st.once.Do(func() {
		close(st.closed)
		st.server.mu.Lock()
		defer st.server.mu.Unlock()
		delete(st.server.streams, st)
	})
	return nil
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// noStreamedLists is the error of an API server without the WatchList feature for a
// streamed list (ValidateListOptions in k8s.io/apimachinery).
func noStreamedLists() error {
	return apierrors.NewInvalid(schema.GroupKind{Group: "meta.k8s.io", Kind: "ListOptions"}, "", field.ErrorList{
		field.Forbidden(field.NewPath("sendInitialEvents"), "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"),
	})
}
