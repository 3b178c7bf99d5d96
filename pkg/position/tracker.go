// Package position knows how far a gateway has come in the history of Events:
// the resourceVersion at and below which every Event is done with.
//
// A Tracker computes it for one watched scope from what the ListWatch reads
// and what delivery finishes; a Store keeps it in a ConfigMap, so that the
// next process goes on where this one stopped.
package position

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// Tracker follows one scope's Events from the moment the ListWatch reads them
// to the moment their outcome is known. An Event version is named by its
// resourceVersion, which no other write in the same cluster shares.
//
// The life of an accepted version: Read tells that it is new, Admit makes it
// outstanding, the informer hands it on and Claim takes it once, Done ends it.
// The position is the highest resourceVersion with nothing outstanding at or
// below it; rejected Events move it too.
//
// Lists are transactions. They come in no order and may fail half way, so
// between BeginList and EndList the position stands still, and a list that is
// begun again takes back what the failed one admitted.
//
// Memory is bounded by what is outstanding; nothing that is done is
// remembered, for what lies at or below the highest version read and is not
// outstanding is done. All methods may be called concurrently.
type Tracker struct {
	mu sync.Mutex
	// frontier is the highest version up to which everything was read.
	frontier string
	// told is the highest version that was reported as new. A watch that
	// breaks is resumed behind it, hence it may be ahead of the frontier.
	told string
	// outstanding is sorted by version. Entries that are done stay in it until
	// they are at its head or make up half of it, which keeps Done cheap with
	// many outstanding.
	outstanding []entry
	// ended is how many entries of outstanding are done.
	ended int
	// list is the list in progress, nil between lists.
	list *list
	// untracked are claimed at once: versions that are no numbers. No API
	// server of Kubernetes writes them, but nothing is lost over one.
	untracked map[string]struct{}
}

// entry is one outstanding version.
type entry struct {
	version string
	// before is the position while this entry is the lowest one outstanding.
	before  string
	claimed bool
	done    bool
}

// list is one attempt to read everything.
type list struct {
	// reached is how far this attempt has come, and failed how far an attempt
	// before it had, so that what is listed again is not told again.
	reached, failed mark
	// admitted holds the accepted version per object; a list that is streamed
	// may show an object twice, and only the last version is handed on.
	admitted map[string]string
}

// mark is how far into a list somebody has read. A list shows the state at one
// moment in the order of keys (as etcd keeps them), so whoever has read up to a
// key and met no higher version than this one has read every Event that the
// mark covers. The versions themselves would take memory for each Event there
// is, rejected ones included.
type mark struct{ key, version string }

// covers tells whether the version of the object with the given key was read.
func (m mark) covers(key, version string) bool {
	return key <= m.key && compare(version, m.version) <= 0
}

// extend returns the mark moved over the version of the object with the given
// key.
func (m mark) extend(key, version string) mark {
	return mark{key: max(m.key, key), version: later(m.version, version)}
}

// NewTracker returns a Tracker for a scope of which everything at or below the
// resourceVersion floor is done. An empty floor means that nothing is.
func NewTracker(floor string) *Tracker {
	return &Tracker{frontier: floor, told: floor, untracked: map[string]struct{}{}}
}

// BeginList starts to read everything there is. A list that was begun and not
// ended has failed, and what it admitted is outstanding no more.
func (t *Tracker) BeginList() {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := &list{admitted: map[string]string{}}
	if t.list != nil {
		next.failed = t.list.failed
		if t.list.reached.key >= next.failed.key {
			next.failed = t.list.reached
		}
	}
	t.list = next
}

// EndList ends the list that was read consistently at the given version: what
// it admitted is outstanding, everything else up to version is done.
func (t *Tracker) EndList(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil {
		return
	}
	admitted := make([]string, 0, len(t.list.admitted))
	for _, v := range t.list.admitted {
		admitted = append(admitted, v)
	}
	slices.SortFunc(admitted, compare)
	// Everything admitted lies above the frontier (Read says so), hence above
	// everything that was outstanding before.
	before := t.frontier
	for _, v := range admitted {
		t.outstanding = append(t.outstanding, entry{version: v, before: before})
		before = v
	}
	t.list = nil
	t.frontier = later(t.frontier, version)
	t.told = later(t.told, version)
}

// Reading is what Read found out about a version.
type Reading struct {
	// Done says that the version needs nothing any more: drop it.
	Done bool
	// First says that the version was not read before: log and count it.
	First bool
}

// Read notes that the version of the object with the given key, which is
// "namespace/name", was read, and tells what to do with it.
func (t *Tracker) Read(key, version string) Reading {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !wellFormed(version) {
		return Reading{First: true}
	}
	if compare(version, t.frontier) <= 0 {
		_, outstanding := t.find(version)
		return Reading{Done: !outstanding}
	}
	if t.list != nil {
		t.list.reached = t.list.reached.extend(key, version)
		return Reading{First: compare(version, t.told) > 0 && !t.list.failed.covers(key, version)}
	}
	first := compare(version, t.told) > 0
	if first {
		t.told = version
	}
	return Reading{First: first}
}

// Admit makes the accepted version of the object with the given key
// outstanding. It is called before the version is handed on, so that the
// position cannot pass it.
func (t *Tracker) Admit(key, version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !wellFormed(version):
		t.untracked[version] = struct{}{}
	case compare(version, t.frontier) <= 0:
		// Outstanding already: the watch was resumed behind it.
	case t.list != nil:
		t.list.admitted[key] = version
	default:
		if _, found := t.find(version); !found {
			t.outstanding = append(t.outstanding, entry{version: version, before: t.frontier})
		}
	}
}

// Revoke takes back an Admit outside a list: the version was not handed on,
// for the watch was stopped, and the next watch will bring it again.
func (t *Tracker) Revoke(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, found := t.find(version); found && compare(version, t.frontier) > 0 {
		// Gone at once, unlike what is done: it will be admitted again.
		t.outstanding = slices.Delete(t.outstanding, i, i+1)
	}
}

// Vanished notes that the object with the given key was deleted. Within a
// list that is streamed its version will not be handed on.
func (t *Tracker) Vanished(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list != nil {
		delete(t.list.admitted, key)
	}
}

// Passed notes that everything up to version was read and, where accepted,
// handed on. Within a list it does nothing, for lists are in no order.
func (t *Tracker) Passed(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil && wellFormed(version) {
		t.frontier = later(t.frontier, version)
	}
}

// Claim takes an outstanding version over for delivery. It is true once for
// each: a version the informer hands on again was claimed before, or is done.
func (t *Tracker) Claim(version string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.untracked[version]; ok {
		delete(t.untracked, version)
		return true
	}
	i, found := t.find(version)
	if !found || t.outstanding[i].claimed {
		return false
	}
	t.outstanding[i].claimed = true
	return true
}

// Done notes that the outcome of a claimed version is known.
func (t *Tracker) Done(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(version)
}

// Position returns the highest resourceVersion with nothing outstanding at or
// below it, or the empty string where nothing is known to be done.
func (t *Tracker) Position() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.outstanding) > 0 {
		return t.outstanding[0].before
	}
	return t.frontier
}

// Outstanding returns how many accepted versions have no outcome yet.
func (t *Tracker) Outstanding() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.outstanding) - t.ended
}

// find returns where version stands among the outstanding, and whether it does.
func (t *Tracker) find(version string) (int, bool) {
	i, found := slices.BinarySearchFunc(t.outstanding, version, func(e entry, v string) int { return compare(e.version, v) })
	return i, found && !t.outstanding[i].done
}

func (t *Tracker) remove(version string) {
	i, found := t.find(version)
	if !found {
		return
	}
	t.outstanding[i].done = true
	t.ended++
	if t.ended > len(t.outstanding)/2 {
		t.outstanding = slices.DeleteFunc(t.outstanding, func(e entry) bool { return e.done })
		t.ended = 0
	}
	for len(t.outstanding) > 0 && t.outstanding[0].done {
		t.outstanding = t.outstanding[1:]
		t.ended--
	}
}

// later returns the higher of two versions.
func later(a, b string) string {
	if compare(a, b) < 0 {
		return b
	}
	return a
}

// compare orders versions as KEP-5504 does. What is no version (the empty
// string of a scope without a position above all) is lower than any.
func compare(a, b string) int {
	aOK, bOK := wellFormed(a), wellFormed(b)
	switch {
	case !aOK && !bOK:
		return 0
	case !aOK:
		return -1
	case !bOK:
		return 1
	}
	c, _ := resourceversion.CompareResourceVersion(a, b) // both are well formed
	return c
}

// wellFormed tells whether v is a resourceVersion that can be compared.
func wellFormed(v string) bool {
	_, err := resourceversion.CompareResourceVersion(v, "1")
	return err == nil
}
