package limit

import (
	"container/heap"

	"github.com/google/btree"
)

// Flow is whose builds take turns: those of the Events of one namespace, within
// one project.
type Flow struct {
	Project   string
	Namespace string
}

// String returns "namespace (project)".
func (f Flow) String() string { return f.Namespace + " (" + f.Project + ")" }

// Waiting is what waits in Flows, with itself as T. Its flow and its order never change while it
// does.
type Waiting[T any] interface {
	// Flow is the flow that it belongs to.
	Flow() Flow
	// Before reports whether it comes before another one of its flow. The order
	// is total.
	Before(other T) bool
}

// Flows keeps what waits, by flow. Next takes turns among the flows, so a quiet
// flow waits for one turn of each other flow at most; within a flow the oldest
// comes first. What sleeps waits too, but Next leaves it out until it is woken.
// What was woken can be told to come after what never slept.
// Shed takes the newest of the longest flow. All take logarithmic time. Flows
// is used by one goroutine at a time.
type Flows[T Waiting[T]] struct {
	flows map[Flow]*flow[T]
	// turn is the flow whose turn it is, in a ring of those that are awake, in
	// the order of turns.
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

// oldest returns where the next one of the flow is taken from.
func (f *flow[T]) oldest(preferFresh bool) *btree.BTreeG[T] {
	fresh, hasFresh := f.fresh.Min()
	woken, hasWoken := f.woken.Min()
	if hasFresh && (preferFresh || !hasWoken || fresh.Before(woken)) {
		return f.fresh
	}
	return f.woken
}

// newest returns where the newest one of the flow is.
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

// degree is that of the trees; the one that btree's own documentation uses.
const degree = 32

// NewFlows returns Flows in which nothing waits.
func NewFlows[T Waiting[T]]() *Flows[T] {
	return &Flows[T]{flows: map[Flow]*flow[T]{}}
}

// Len returns how many wait, those that sleep included.
func (f *Flows[T]) Len() int { return f.count }

// Awake reports whether Next has something to return.
func (f *Flows[T]) Awake() bool { return f.turn != nil }

// Add adds w, which does not wait yet. A flow that had nothing awake gets its
// turn after all others.
func (f *Flows[T]) Add(w T) {
	in := f.flow(w.Flow())
	in.fresh.ReplaceOrInsert(w)
	f.changed(in, 1)
}

// Sleep adds w, which does not wait yet, and leaves it asleep.
func (f *Flows[T]) Sleep(w T) {
	in := f.flow(w.Flow())
	in.asleep.ReplaceOrInsert(w)
	f.changed(in, 1)
}

// Wake wakes w, which sleeps.
func (f *Flows[T]) Wake(w T) {
	in := f.flows[w.Flow()]
	in.asleep.Delete(w)
	in.woken.ReplaceOrInsert(w)
	f.changed(in, 0)
}

// Next removes and returns the oldest that is awake of the flow whose turn it
// is, and false where nothing is awake. With preferFresh it takes what never
// slept first.
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

// Shed removes and returns the newest of the longest flow, and false where
// nothing waits. Of flows that are equally long it prefers the given one, so
// that a flow that grows never sheds from another that is no longer than itself.
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

// Longest returns a flow that no other is longer than, and how many wait in it.
func (f *Flows[T]) Longest() (Flow, int) {
	if f.count == 0 {
		return Flow{}, 0
	}
	return f.longest[0].key, f.longest[0].length()
}

// Lengths returns how many wait, by flow.
func (f *Flows[T]) Lengths() map[Flow]int {
	all := make(map[Flow]int, len(f.flows))
	for key, in := range f.flows {
		all[key] = in.length()
	}
	return all
}

// flow returns the flow with the given key, a new one where it is empty.
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

// changed puts a flow that has grown by so many into its place among the others.
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

// enter gives a flow the last turn.
func (f *Flows[T]) enter(in *flow[T]) {
	if f.turn == nil {
		in.next, in.last = in, in
		f.turn = in
		return
	}
	in.next, in.last = f.turn, f.turn.last
	in.last.next, in.next.last = in, in
}

// leave takes a flow out of the ring.
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
