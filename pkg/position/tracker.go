// Package position knows how far a gateway has come in the history of Events:
// the resourceVersion at and below which every Event is done.
//
// A Tracker computes it for one watched scope from what is read and what is
// delivered; a Store keeps it in a ConfigMap, so that the next process goes on
// where this one stopped; a Saver writes it while the gateway runs.
package position

import (
	"slices"
	"sync"

	"github.com/google/btree"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// Tracker follows one scope's Events from the moment they are read to the
// moment their outcome is known. An Event version is named by its
// resourceVersion, which no other write in the same cluster shares.
//
// Read reports whether a version is new, Track makes an accepted one
// outstanding, Done ends it, and Advance notes that everything up to a version
// was read. The position is the highest resourceVersion with nothing
// outstanding at or below it; rejected Events move it too.
//
// Lists come in no order and may fail half way, so between BeginList and
// EndList the position stands still.
//
// Memory is bounded by what is outstanding. Nothing that is done is remembered:
// what is at or below the highest version read and is not outstanding is done.
// All methods may be called concurrently.
type Tracker struct {
	mu sync.Mutex
	// highWater is the highest version up to which everything was read.
	highWater string
	// reported is the highest version that was reported as new by a watch. One
	// that breaks is resumed behind it, hence it may be ahead of highWater.
	reported    string
	outstanding *btree.BTreeG[string]
	// list is the list in progress, nil between lists.
	list *list
}

// list is one attempt to read everything.
type list struct {
	// reached is how far this attempt has come, and failed how far those before
	// it had, so that what is listed again is not reported again.
	reached mark
	failed  []mark
}

// maxMarks bounds how many failed attempts are remembered: those that got
// furthest. Attempts that get less and less far are rare.
const maxMarks = 16

// next returns the attempt that follows l, which failed.
func (l *list) next() *list {
	if l == nil {
		return &list{}
	}
	failed := l.failed
	if !l.covers(l.reached.key, l.reached.version) {
		failed = slices.DeleteFunc(failed, func(m mark) bool { return l.reached.covers(m.key, m.version) })
		if len(failed) < maxMarks {
			failed = append(failed, l.reached)
		}
	}
	return &list{failed: failed}
}

// covers reports whether an attempt before this one read the version.
func (l *list) covers(key, version string) bool {
	return slices.ContainsFunc(l.failed, func(m mark) bool { return m.covers(key, version) })
}

// mark is how far into a list somebody has read. A list shows the state at one
// moment in the order of keys (as etcd keeps them), so a reader that came up to
// a key and met no higher version than this one has read every Event that the
// mark covers. The versions themselves would take memory for each Event there
// is, rejected ones included.
type mark struct{ key, version string }

// covers reports whether the version of the object with the given key was read.
func (m mark) covers(key, version string) bool {
	return key <= m.key && event.CompareVersions(version, m.version) <= 0
}

// extend returns the mark moved over the version of the object with the given
// key.
func (m mark) extend(key, version string) mark {
	return mark{key: max(m.key, key), version: later(m.version, version)}
}

// degree is that of the tree; the one that btree's own documentation uses.
const degree = 32

// NewTracker returns a Tracker for a scope of which everything at or below the
// resourceVersion start is done. An empty start means that nothing is.
func NewTracker(start string) *Tracker {
	return &Tracker{highWater: start, reported: start, outstanding: btree.NewG(degree, func(a, b string) bool {
		return event.CompareVersions(a, b) < 0
	})}
}

// BeginList starts to read everything there is. A list that was begun and not
// ended has failed; what it tracked stays outstanding.
func (t *Tracker) BeginList() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = t.list.next()
}

// EndList ends the list that was read consistently at the given version:
// everything up to it was read.
func (t *Tracker) EndList(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil {
		return
	}
	t.list = nil
	t.highWater = later(t.highWater, version)
	t.reported = later(t.reported, version)
}

// Reading is what Read found out about a version.
type Reading struct {
	// Known says that the version is done, or outstanding: ignore it.
	Known bool
	// First says that the version was not read before: log and count it.
	First bool
}

// Read notes that the version of the object with the given key, which is
// "namespace/name", was read, and returns what to do with it. A version that
// cannot be compared, which no API server writes, is new each time.
func (t *Tracker) Read(key, version string) Reading {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !event.IsVersion(version) {
		return Reading{First: true}
	}
	if t.list != nil {
		t.list.reached = t.list.reached.extend(key, version)
	}
	if event.CompareVersions(version, t.highWater) <= 0 || t.outstanding.Has(version) {
		return Reading{Known: true}
	}
	if t.list != nil {
		return Reading{First: event.CompareVersions(version, t.reported) > 0 && !t.list.covers(key, version)}
	}
	first := event.CompareVersions(version, t.reported) > 0
	if first {
		t.reported = version
	}
	return Reading{First: first}
}

// Track makes an accepted version outstanding. It is called before anything
// else is done with the version, so that the position cannot pass it.
func (t *Tracker) Track(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if event.IsVersion(version) {
		t.outstanding.ReplaceOrInsert(version)
	}
}

// Advance notes that everything up to version was read. Within a list it does
// nothing, because lists are in no order.
func (t *Tracker) Advance(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil {
		t.highWater = later(t.highWater, version)
	}
}

// Done notes that a version needs nothing any more.
func (t *Tracker) Done(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outstanding.Delete(version)
}

// Position returns the highest resourceVersion with nothing outstanding at or
// below it, or the empty string where nothing is known to be done.
func (t *Tracker) Position() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if oldest, ok := t.outstanding.Min(); ok && event.CompareVersions(oldest, t.highWater) <= 0 {
		return predecessor(oldest)
	}
	return t.highWater
}

// HighWater returns the highest version up to which everything was read.
func (t *Tracker) HighWater() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.highWater
}

// Outstanding returns how many accepted versions have no outcome yet.
func (t *Tracker) Outstanding() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outstanding.Len()
}

// later returns the higher of two versions.
func later(a, b string) string {
	if event.CompareVersions(a, b) < 0 {
		return b
	}
	return a
}

// predecessor returns the version before v, or the empty string where v is the
// first. Whether anything was written at that version does not matter: it is
// only compared with others.
func predecessor(v string) string {
	digits := []byte(v)
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] > '0' {
			digits[i]--
			break
		}
		digits[i] = '9'
	}
	if digits[0] == '0' {
		digits = digits[1:]
	}
	return string(digits)
}
