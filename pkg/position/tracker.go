// Package position computes and stores the position of the gateway: the
// resourceVersion up to which all Events are done.
//
// A Tracker computes the position of one watched scope from what pkg/source reads
// and pkg/delivery finishes. A Store stores it in a ConfigMap, so that the next
// process continues there. A Saver saves it while the gateway runs.
package position

import (
	"slices"
	"sync"

	"github.com/google/btree"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// Tracker follows the Events of one scope from reading to outcome. It identifies a
// version of an Event by its resourceVersion, which is unique in a cluster.
//
// Read reports whether a version is new, Track makes an accepted version
// outstanding, Done ends that, and Advance moves the high-water mark, up to which
// everything was read. The position is the highest resourceVersion with nothing
// outstanding at or below it. Rejected Events move it too.
//
// Lists are not in the order of versions and may fail, so the position does not
// move between BeginList and EndList.
//
// Memory is bounded by what is outstanding. Versions that are done need none: they
// are at or below the high-water mark and not outstanding. A Tracker is safe for
// concurrent use.
type Tracker struct {
	mu sync.Mutex
	// highWater is the highest version up to which everything was read.
	highWater string
	// reported is the highest version that Read reported as new in a watch. A
	// watch that fails resumes after it, so it may be ahead of highWater.
	reported    string
	outstanding *btree.BTreeG[string]
	// list is the list in progress, or nil.
	list *list
}

// list is one attempt to list all Events.
type list struct {
	// reached is the mark of this attempt, and failed are those of the attempts
	// before it, so that versions listed again are not reported again.
	reached mark
	failed  []mark
}

// maxMarks is the number of failed attempts that are remembered. An attempt that
// got further replaces those that it covers. Attempts that each get less far are
// rare.
const maxMarks = 16

// next returns the attempt after l, which failed.
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

// covers reports whether an earlier attempt read the version.
func (l *list) covers(key, version string) bool {
	return slices.ContainsFunc(l.failed, func(m mark) bool { return m.covers(key, version) })
}

// mark is how far a list was read: the last key and the highest version. A list
// is a snapshot in the order of keys (as in etcd), so all Events that the mark
// covers were read. Remembering each version instead would take memory for every
// Event, rejected ones included.
type mark struct{ key, version string }

// covers reports whether the version of the object with the given key was read.
func (m mark) covers(key, version string) bool {
	return key <= m.key && event.CompareVersions(version, m.version) <= 0
}

// extend returns the mark after the version of the object with the given key was
// read.
func (m mark) extend(key, version string) mark {
	return mark{key: max(m.key, key), version: later(m.version, version)}
}

// degree is the degree of the tree, from btree's own documentation.
const degree = 32

// NewTracker returns a Tracker for a scope in which everything up to the
// resourceVersion start is done. An empty start means that nothing is done.
func NewTracker(start string) *Tracker {
	return &Tracker{highWater: start, reported: start, outstanding: btree.NewG(degree, func(a, b string) bool {
		return event.CompareVersions(a, b) < 0
	})}
}

// BeginList begins a list. A list that was begun before and not ended has failed;
// what was tracked in it stays outstanding.
func (t *Tracker) BeginList() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = t.list.next()
}

// EndList ends the list, a snapshot at the given version: everything up to that
// version was read.
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

// Reading is the result of Read.
type Reading struct {
	// Known is whether the version is done or outstanding, and to be ignored.
	Known bool
	// First is whether the version was not read before, and is to be logged and
	// counted.
	First bool
}

// Read notes that a version of the object with the given key, "namespace/name", was
// read, and returns what to do with it. A version that is not a resourceVersion,
// which no API server writes, is new each time.
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

// Track makes an accepted version outstanding. It must be called before Advance,
// so that the position cannot move past the version.
func (t *Tracker) Track(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if event.IsVersion(version) {
		t.outstanding.ReplaceOrInsert(version)
	}
}

// Advance moves the high-water mark: everything up to version was read. In a list
// it does nothing, because a list is not in the order of versions.
func (t *Tracker) Advance(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil {
		t.highWater = later(t.highWater, version)
	}
}

// Done notes that a version has an outcome.
func (t *Tracker) Done(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outstanding.Delete(version)
}

// Position returns the highest resourceVersion with nothing outstanding at or below
// it, or the empty string if nothing is known to be done.
func (t *Tracker) Position() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if oldest, ok := t.outstanding.Min(); ok && event.CompareVersions(oldest, t.highWater) <= 0 {
		return predecessor(oldest)
	}
	return t.highWater
}

// HighWater returns the high-water mark.
func (t *Tracker) HighWater() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.highWater
}

// Outstanding returns the number of accepted versions without an outcome.
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

// predecessor returns the version before v, or the empty string if v is the first.
// Nothing need have been written at that version, because it is only compared.
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
