package limit

import (
	"container/heap"

	"github.com/google/btree"
)

// Flow is whose builds take turns: those of the Events of one namespace, within
// one project or destination.
type Flow struct {
	// Project is the ID of a Brigade project, or the name of another destination.
	Project   string
	Namespace string
}

func (f Flow) String() string { return f.Namespace + " (" + f.Project + ")" }

// Waiting is an item of Flows, with itself as T. Its flow and its order must not
// change while it is in there.
type Waiting[T any] interface {
	// Flow is the flow it is in.
	Flow() Flow
	// Before reports whether it comes before another item of its flow. The order
	// is total.
	Before(other T) bool
}

// Flows is a fair queue. Next serves the flows in turn, so that a flow waits for
// at most one turn of each other flow, and the oldest item of a flow first. An
// item may sleep; Next skips it until it is woken. Shed removes the newest item
// of the longest flow. All operations take logarithmic time. Flows is not safe
// for concurrent use.
type Flows[T Waiting[T]] struct {
	flows map[Flow]*flow[T]
	// turn is the flow that is next, in a ring of those with an item awake.
	turn *flow[T]
	// longest is a heap of the flows, the longest on top.
	longest lengths[T]
	count   int
}

// flow is one flow that is not empty.
type flow[T Waiting[T]] struct {
	key Flow
	// fresh never slept, and woken did.
	fresh, woken, asleep *btree.BTreeG[T]
	place                int // in longest
	next, last           *flow[T]
}

func (f *flow[T]) awake() int { return f.fresh.Len() + f.woken.Len() }

func (f *flow[T]) length() int { return f.awake() + f.asleep.Len() }

// oldest returns the tree that has the next item of the flow.
func (f *flow[T]) oldest(preferFresh bool) *btree.BTreeG[T] {
	fresh, hasFresh := f.fresh.Min()
	woken, hasWoken := f.woken.Min()
	if hasFresh && (preferFresh || !hasWoken || fresh.Before(woken)) {
		return f.fresh
	}
	return f.woken
}

// newest returns the tree that has the newest item of the flow.
func (f *flow[T]) newest() *btree.BTreeG[T] {
	in := f.fresh
	newest, found := in.Max()
	for _, other := range []*btree.BTreeG[T]{f.woken, f.asleep} {
		if w, ok := other.Max(); ok && (!found || newest.Before(w)) {
			in, newest, found = other, w, true
		}
	}
	return in
}

// degree is the degree of the trees, from btree's own documentation.
const degree = 32

// NewFlows returns empty Flows.
func NewFlows[T Waiting[T]]() *Flows[T] {
	return &Flows[T]{flows: map[Flow]*flow[T]{}}
}

// Len returns the number of items, those asleep included.
func (f *Flows[T]) Len() int { return f.count }

// Count returns the number of flows that are not empty.
func (f *Flows[T]) Count() int { return len(f.flows) }

// Awake reports whether Next has something to return.
func (f *Flows[T]) Awake() bool { return f.turn != nil }

// Add adds w. A flow that had nothing awake gets its turn after all others.
func (f *Flows[T]) Add(w T) {
	in := f.flow(w.Flow())
	in.fresh.ReplaceOrInsert(w)
	f.changed(in, 1)
}

// Sleep adds w, asleep.
func (f *Flows[T]) Sleep(w T) {
	in := f.flow(w.Flow())
	in.asleep.ReplaceOrInsert(w)
	f.changed(in, 1)
}

// Wake wakes w, which is asleep.
func (f *Flows[T]) Wake(w T) {
	in := f.flows[w.Flow()]
	in.asleep.Delete(w)
	in.woken.ReplaceOrInsert(w)
	f.changed(in, 0)
}

// Next removes and returns the oldest item awake of the flow that is next, and
// false if all items are asleep. With preferFresh it takes items that never slept
// first.
func (f *Flows[T]) Next(preferFresh bool) (next T, ok bool) {
	in := f.turn
	if in == nil {
		return next, false
	}
	f.turn = in.next
	next, _ = in.oldest(preferFresh).DeleteMin()
	f.changed(in, -1)
	return next, true
}

// Shed removes and returns the newest item of the longest flow, and false if
// there is none. If several flows are the longest it takes the preferred one, so
// that a flow that grows never sheds from a flow that is not longer.
func (f *Flows[T]) Shed(preferred Flow) (shed T, ok bool) {
	if f.count == 0 {
		return shed, false
	}
	in := f.longest[0]
	if own := f.flows[preferred]; own != nil && own.length() == in.length() {
		in = own
	}
	shed, _ = in.newest().DeleteMax()
	f.changed(in, -1)
	return shed, true
}

// Remove removes w, awake or asleep, and reports whether it was there.
func (f *Flows[T]) Remove(w T) bool {
	in := f.flows[w.Flow()]
	if in == nil {
		return false
	}
	for _, tree := range []*btree.BTreeG[T]{in.fresh, in.woken, in.asleep} {
		if _, found := tree.Delete(w); found {
			f.changed(in, -1)
			return true
		}
	}
	return false
}

// Longest returns the longest flow and its length.
func (f *Flows[T]) Longest() (Flow, int) {
	if f.count == 0 {
		return Flow{}, 0
	}
	return f.longest[0].key, f.longest[0].length()
}

// Lengths returns the length of each flow.
func (f *Flows[T]) Lengths() map[Flow]int {
	all := make(map[Flow]int, len(f.flows))
	for key, in := range f.flows {
		all[key] = in.length()
	}
	return all
}

// flow returns the flow with the given key, and adds it if it is not there.
func (f *Flows[T]) flow(key Flow) *flow[T] {
	if in := f.flows[key]; in != nil {
		return in
	}
	before := func(a, b T) bool { return a.Before(b) }
	in := &flow[T]{key: key, fresh: btree.NewG(degree, before), woken: btree.NewG(degree, before), asleep: btree.NewG(degree, before)}
	f.flows[key] = in
	heap.Push(&f.longest, in)
	return in
}

// changed restores the order of the flows after one has grown by the given number.
func (f *Flows[T]) changed(in *flow[T], by int) {
	f.count += by
	switch awake := in.awake() > 0; {
	case awake && in.next == nil:
		f.enter(in)
	case !awake && in.next != nil:
		f.leave(in)
	}
	if in.length() > 0 {
		heap.Fix(&f.longest, in.place)
		return
	}
	heap.Remove(&f.longest, in.place)
	delete(f.flows, in.key)
}

// enter adds a flow to the ring, with the last turn.
func (f *Flows[T]) enter(in *flow[T]) {
	if f.turn == nil {
		in.next, in.last = in, in
		f.turn = in
		return
	}
	in.next, in.last = f.turn, f.turn.last
	in.last.next, in.next.last = in, in
}

// leave removes a flow from the ring.
func (f *Flows[T]) leave(in *flow[T]) {
	if in.next == in {
		f.turn = nil
	} else {
		in.last.next, in.next.last = in.next, in.last
		if f.turn == in {
			f.turn = in.next
		}
	}
	in.next, in.last = nil, nil
}

// lengths is a heap of flows for container/heap.
type lengths[T Waiting[T]] []*flow[T]

func (l lengths[T]) Len() int { return len(l) }

func (l lengths[T]) Less(i, j int) bool { return l[i].length() > l[j].length() }

func (l lengths[T]) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}

func (l *lengths[T]) Push(x any) {
	in, _ := x.(*flow[T])
	in.place = len(*l)
	*l = append(*l, in)
}

func (l *lengths[T]) Pop() any {
	old := *l
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*l = old[:len(old)-1]
	return last
}
