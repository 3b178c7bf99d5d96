package filter

import (
	"slices"

	"k8s.io/apimachinery/pkg/fields"
)

// maxExclusions is how many != terms a selector may have. It travels in the
// URL of every list and watch, and proxies on the way take 8 KiB at least;
// leaving a term out only makes the selector weaker.
const maxExclusions = 64

// selectable returns the name under which the API server selects Events by a
// fact, from ToSelectableFields in
// k8s.io/kubernetes/pkg/registry/core/event/strategy.go. `source` there is
// source.component or, where that is empty, reportingComponent, which is what
// event.Component says too.
func (f fact) selectable() string {
	switch f {
	case factNamespace, factScope:
		return "involvedObject.namespace"
	case factKind:
		return "involvedObject.kind"
	case factReason:
		return "reason"
	case factName:
		return "involvedObject.name"
	case factType:
		return "type"
	default:
		return "source"
	}
}

// term returns the selector of the Events whose fact f has the value, or of all
// others. The API server knows a scope by the namespace: that of a
// cluster-scoped object is empty.
func (f fact) term(value string, equal bool) fields.Selector {
	if f == factScope {
		equal = equal == (Scope(value) == ClusterScope)
		value = ""
	}
	if equal {
		return fields.OneTermEqualSelector(f.selectable(), value)
	}
	return fields.OneTermNotEqualSelector(f.selectable(), value)
}

// selectorOrder is the order of a selector's terms: what narrows most first.
func selectorOrder() [factCount]fact {
	return [factCount]fact{factKind, factNamespace, factScope, factName, factReason, factType, factComponent}
}

// Selector returns a field selector for the API server that every Event
// satisfies which the list accepts. It is necessary, never sufficient: the
// list must still decide about the Events that come.
//
// A field selector is an AND of = and != terms, so this is what it can say:
//
//   - = for a fact that all accepting filters pin to the same one value;
//   - != for a value with which, given those pins, a filter rejects every Event
//     that no earlier filter accepts;
//   - != for a value that every accepting filter that could match it excepts.
//
// A list that accepts everything gives an empty selector. One that accepts
// nothing, a nil list too, gives a selector that no Event satisfies; not
// fields.Nothing, which the API server reads as everything.
func (l *List) Selector() fields.Selector {
	accepting := l.accepting()
	if len(accepting) == 0 {
		return fields.AndSelectors(
			factKind.term("", true),
			factKind.term("", false),
		)
	}
	pins := pinned(l.rules, accepting)
	var terms, exclusions []fields.Selector
	for _, f := range selectorOrder() {
		if _, known := pins[factNamespace].exactly(); known && f == factScope {
			continue // the namespace says it all
		}
		if value, ok := pins[f].exactly(); ok {
			terms = append(terms, f.term(value, true))
			continue
		}
		for _, value := range append(l.excluded(f, &pins), l.excepted(f, accepting)...) {
			exclusions = append(exclusions, f.term(value, false))
		}
	}
	exclusions = exclusions[:min(len(exclusions), maxExclusions)]
	return fields.AndSelectors(append(terms, exclusions...)...)
}

// accepting returns the indexes of the filters that can accept an Event: those
// that accept and are not shadowed by an earlier filter.
func (l *List) accepting() []int {
	if l == nil {
		return nil
	}
	shadowed := make([]bool, len(l.rules))
	for _, s := range l.Shadowed() {
		shadowed[s.Index] = true
	}
	var out []int
	for i := range l.rules {
		if l.rules[i].verdict.Action == Accept && !shadowed[i] {
			out = append(out, i)
		}
	}
	return out
}

// pinned returns, for each fact that all accepting filters pin to the same
// value, that value as a condition; for all others a condition that always
// holds.
func pinned(rules []rule, accepting []int) conditions {
	var pins conditions
	for f := range pins {
		value, ok := rules[accepting[0]].reach[f].exactly()
		for _, i := range accepting[1:] {
			other, otherOK := rules[i].reach[f].exactly()
			ok = ok && otherOK && other == value
		}
		if ok {
			pins[f] = anyOf{{form: exact, text: value}}
		}
	}
	return pins
}

// excluded returns the values of fact f that no acceptable Event has: a filter
// without other open conditions rejects them, and no filter ahead of it
// accepts them. They come in the order of the filters, each once.
func (l *List) excluded(f fact, pins *conditions) []string {
	var values []string
	seen := map[string]bool{}
	for i := range l.rules {
		r := &l.rules[i]
		if r.verdict.Action != Reject || r.expression != nil || r.except != nil || !r.dependsOnlyOn(f, pins) {
			continue
		}
		for _, g := range r.conditions[f] {
			if g.form != exact || seen[g.text] || l.acceptedBefore(i, f, g.text) {
				continue
			}
			seen[g.text] = true
			values = append(values, g.text)
		}
	}
	return values
}

// dependsOnlyOn reports whether every Event that satisfies pins meets all text
// conditions of r other than the one on f.
func (r *rule) dependsOnlyOn(f fact, pins *conditions) bool {
	for other := range factCount {
		if other != f && !r.conditions[other].covers(pins[other]) {
			return false
		}
	}
	return true
}

// acceptedBefore reports whether a filter ahead of index i may accept an Event
// whose fact f has the value.
func (l *List) acceptedBefore(i int, f fact, value string) bool {
	for j := range l.rules[:i] {
		if l.rules[j].verdict.Action == Accept && l.rules[j].reach[f].matches(value) {
			return true
		}
	}
	return false
}

// excepted returns the values of fact f with which no accepting filter accepts
// an Event, because those that could match make an exception of it. They come
// in the order of the first filter that names them, each once.
func (l *List) excepted(f fact, accepting []int) []string {
	var values []string
	for _, i := range accepting {
		except := l.rules[i].except
		if except == nil {
			continue
		}
		for _, g := range except.conditions[f] {
			if g.form == exact && !slices.Contains(values, g.text) && l.noneAccepts(f, g.text, accepting) {
				values = append(values, g.text)
			}
		}
	}
	return values
}

// noneAccepts reports whether every accepting filter provably accepts no Event
// whose fact f has the value.
func (l *List) noneAccepts(f fact, value string, accepting []int) bool {
	for _, i := range accepting {
		r := &l.rules[i]
		if r.reach[f].matches(value) && !r.excepts(f, value) {
			return false
		}
	}
	return true
}

// excepts reports whether r makes an exception of every Event that it would
// match whose fact f has the value.
func (r *rule) excepts(f fact, value string) bool {
	x := r.except
	if x == nil || x.expression != nil || !x.conditions[f].matches(value) {
		return false
	}
	for other := range factCount {
		if other != f && !x.conditions[other].covers(r.reach[other]) {
			return false
		}
	}
	return true
}
