package ui

import (
	"sort"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// entry is one version of an Event with what was decided on it. It never
// changes.
type entry struct {
	// id counts Events in the order in which they were seen, from 1.
	id      int64
	event   *corev1.Event
	verdict filter.Verdict
	seen    time.Time
	bytes   int
}

// keep reports whether the entry is kept longer than others.
func (e *entry) keep() bool {
	return e.verdict.Action == filter.Accept || len(e.verdict.Faults) > 0
}

// store has the newest Events within a bound on their number and one on
// their size. When it is full it sheds the oldest of the rejected ones. Those
// that were accepted, or on which an expression failed, are shed when the
// rejected ones take at most a fifth of the memory, the oldest first: the
// newest Events are always visible, and accepted ones longest.
type store struct {
	maxEvents, maxBytes int
	// last is the newest id, for readers that only check for new Events.
	last atomic.Int64

	mu sync.Mutex
	// rejected and kept are in the order of their ids.
	rejected, kept fifo
	shed           int64
}

// spared is the share of the memory that rejected Events may use while accepted ones
// are shed.
const spared = 5

func newStore(maxEvents, maxBytes int) *store {
	return &store{maxEvents: maxEvents, maxBytes: maxBytes}
}

// add keeps an Event.
func (s *store) add(e *corev1.Event, v filter.Verdict, seen time.Time) {
	if len(e.ManagedFields) > 0 {
		e = withoutManagedFields(e)
	}
	added := &entry{event: e, verdict: v, seen: seen, bytes: sizeOf(e)}
	s.mu.Lock()
	defer s.mu.Unlock()
	added.id = s.last.Load() + 1
	if added.keep() {
		s.kept.push(added)
	} else {
		s.rejected.push(added)
	}
	for s.full() {
		s.shedOne()
	}
	s.last.Store(added.id)
}

func (s *store) full() bool {
	return s.rejected.len()+s.kept.len() > s.maxEvents || s.rejected.bytes+s.kept.bytes > s.maxBytes
}

func (s *store) shedOne() {
	s.shed++
	few := s.rejected.len() <= s.maxEvents/spared && s.rejected.bytes <= s.maxBytes/spared
	if s.rejected.len() > 0 && (!few || s.kept.len() == 0) {
		s.rejected.pop()
		return
	}
	s.kept.pop()
}

// snapshot is the content of the store at one moment.
type snapshot struct {
	// entries are those asked for, in the order of their ids.
	entries []*entry
	// held is how many Events there were, last the newest of them, shed how many had been shed.
	held int
	last int64
	shed int64
	// firstRejected and firstKept are the oldest ids of either kind; what is
	// older is not held any more. 0 if there are none.
	firstRejected, firstKept int64
}

// since returns up to limit entries with ids above after, oldest first; limit
// 0 is all.
func (s *store) since(after int64, limit int) snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := snapshot{
		held: s.rejected.len() + s.kept.len(), last: s.last.Load(), shed: s.shed,
		firstRejected: s.rejected.first(), firstKept: s.kept.first(),
	}
	a, b := s.rejected.above(after), s.kept.above(after)
	n := len(a) + len(b)
	if limit > 0 {
		n = min(n, limit)
	}
	if n == 0 {
		return out
	}
	out.entries = make([]*entry, 0, n)
	for len(out.entries) < n {
		if len(b) == 0 || len(a) > 0 && a[0].id < b[0].id {
			out.entries, a = append(out.entries, a[0]), a[1:]
		} else {
			out.entries, b = append(out.entries, b[0]), b[1:]
		}
	}
	return out
}

// get returns the entry with an id, and false if it is not stored.
func (s *store) get(id int64) (*entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range []*fifo{&s.rejected, &s.kept} {
		if above := f.above(id - 1); len(above) > 0 && above[0].id == id {
			return above[0], true
		}
	}
	return nil, false
}

// fifo is a queue of entries in the order of their ids.
type fifo struct {
	items []*entry
	head  int
	bytes int
}

func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) first() int64 {
	if f.len() == 0 {
		return 0
	}
	return f.items[f.head].id
}

func (f *fifo) push(e *entry) {
	// Free the space of popped entries once it exceeds that of the rest.
	if f.head > 64 && f.head > f.len() {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, e)
	f.bytes += e.bytes
}

func (f *fifo) pop() {
	f.bytes -= f.items[f.head].bytes
	f.items[f.head] = nil
	f.head++
}

// above returns the entries with ids above id.
func (f *fifo) above(id int64) []*entry {
	held := f.items[f.head:]
	return held[sort.Search(len(held), func(i int) bool { return held[i].id > id }):]
}

func withoutManagedFields(e *corev1.Event) *corev1.Event {
	out := *e
	out.ManagedFields = nil
	return &out
}

// overhead is the memory of an Event besides its text: the Event, its entry, and
// what the allocator rounds up for some twenty strings.
const overhead = int(unsafe.Sizeof(corev1.Event{})+unsafe.Sizeof(entry{})) + 20*8

// sizeOf estimates how many bytes of memory an Event keeps.
func sizeOf(e *corev1.Event) int {
	n := overhead +
		len(e.Name) + len(e.GenerateName) + len(e.Namespace) + len(e.UID) + len(e.ResourceVersion) +
		len(e.InvolvedObject.Kind) + len(e.InvolvedObject.Namespace) + len(e.InvolvedObject.Name) +
		len(e.InvolvedObject.UID) + len(e.InvolvedObject.APIVersion) + len(e.InvolvedObject.ResourceVersion) +
		len(e.InvolvedObject.FieldPath) +
		len(e.Reason) + len(e.Message) + len(e.Type) + len(e.Action) +
		len(e.Source.Component) + len(e.Source.Host) + len(e.ReportingController) + len(e.ReportingInstance)
	for k, v := range e.Labels {
		n += len(k) + len(v) + 64
	}
	for k, v := range e.Annotations {
		n += len(k) + len(v) + 64
	}
	for i := range e.OwnerReferences {
		o := &e.OwnerReferences[i]
		n += len(o.APIVersion) + len(o.Kind) + len(o.Name) + len(o.UID) + 96
	}
	for _, f := range e.Finalizers {
		n += len(f) + 16
	}
	if e.Series != nil {
		n += 48
	}
	if o := e.Related; o != nil {
		n += len(o.Kind) + len(o.Namespace) + len(o.Name) + len(o.UID) + len(o.APIVersion) + len(o.ResourceVersion) + len(o.FieldPath) + 112
	}
	return n
}
