package simulation

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// key identifies one object of the model API server.
type key struct {
	resource  string
	namespace string
	name      string
}

// object is an object in the history. A stored object is never changed.
type object interface {
	runtime.Object
	metav1.Object
}

// change is one write. The first version of an object has no previous one, and
// a deletion has no next one.
type change struct {
	version  int64
	key      key
	previous object
	next     object
}

// history is the etcd of the model: every object and every write since the last
// compaction, with one counter.
type history struct {
	version   int64
	compacted int64
	live      map[key]object
	changes   []change
	// written is when each version after firstVersion was written.
	written []time.Time
}

// firstVersion is not 1, so that resourceVersions of different lengths occur, which sort
// differently as text than as numbers.
const firstVersion = 95

func newHistory() *history {
	return &history{version: firstVersion, compacted: firstVersion, live: map[key]object{}}
}

// next begins a new version.
func (h *history) next() {
	h.version++
	h.written = append(h.written, time.Now())
}

// reached returns when the history reached a version, and false if it has not.
func (h *history) reached(version int64) (time.Time, bool) {
	switch {
	case version > h.version:
		return time.Time{}, false
	case version <= firstVersion:
		return time.Time{}, true
	default:
		return h.written[version-firstVersion-1], true
	}
}

// put stores o, which it takes over, under a new version.
func (h *history) put(k key, o object) {
	h.next()
	o.SetResourceVersion(strconv.FormatInt(h.version, 10))
	h.changes = append(h.changes, change{version: h.version, key: k, previous: h.live[k], next: o})
	h.live[k] = o
}

// remove deletes an existing object.
func (h *history) remove(k key) {
	h.next()
	h.changes = append(h.changes, change{version: h.version, key: k, previous: h.live[k]})
	delete(h.live, k)
}

// compact removes the writes up to the given version.
func (h *history) compact(version int64) {
	h.compacted = max(h.compacted, version)
	h.changes = slices.DeleteFunc(h.changes, func(c change) bool { return c.version <= h.compacted })
}

// after returns the writes above the given version.
func (h *history) after(version int64) []change {
	i, _ := slices.BinarySearchFunc(h.changes, version+1, func(c change, v int64) int { return cmp.Compare(c.version, v) })
	return h.changes[i:]
}

// at returns the objects of one resource at the given version, which must not be
// compacted, in the order of keys. An empty namespace means all.
func (h *history) at(version int64, resource, namespace string) []object {
	state := map[key]object{}
	in := func(k key) bool { return k.resource == resource && (namespace == "" || k.namespace == namespace) }
	for k, o := range h.live {
		if in(k) {
			state[k] = o
		}
	}
	for _, c := range slices.Backward(h.after(version)) {
		switch {
		case !in(c.key):
		case c.previous == nil:
			delete(state, c.key)
		default:
			state[c.key] = c.previous
		}
	}
	keys := slices.SortedFunc(maps.Keys(state), compareKeys)
	objects := make([]object, len(keys))
	for i, k := range keys {
		objects[i] = state[k]
	}
	return objects
}

// backup returns a copy that restore can go back to.
func (h *history) backup() *history {
	return &history{version: h.version, compacted: h.compacted, live: maps.Clone(h.live), changes: slices.Clone(h.changes), written: slices.Clone(h.written)}
}

func compareKeys(a, b key) int {
	return cmp.Or(cmp.Compare(a.resource, b.resource), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
}

func keyOf(resource string, o metav1.Object) key {
	return key{resource: resource, namespace: o.GetNamespace(), name: o.GetName()}
}

// versionOf returns the resourceVersion of a stored object.
func versionOf(o metav1.Object) int64 {
	version, _ := strconv.ParseInt(o.GetResourceVersion(), 10, 64) // put wrote it
	return version
}

// second returns a time as the API server stores it.
func second(t time.Time) metav1.Time {
	return metav1.NewTime(t.Truncate(time.Second))
}
