package filter

import (
	"slices"

	"k8s.io/apimachinery/pkg/fields"
)

// maxExclusions is the number of != terms that a selector may have. It is in the
// URL of each list and watch, and proxies allow at least 8 KiB. Without a term
// the selector selects more, which is safe.
const maxExclusions = 64

// selectable returns the field of a field selector for a fact, from
// ToSelectableFields in k8s.io/kubernetes/pkg/registry/core/event/strategy.go.
// `source` is source.component or, if that is empty, reportingComponent, as in
// event.Component.
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

// term returns the selector of Events whose fact f has the value, or of all
// others. A scope is selected by the namespace, which is empty for a
// cluster-scoped object.
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

// selectorOrder is the order of the terms, those that select least first.
func selectorOrder() [factCount]fact {
	return [factCount]fact{factKind, factNamespace, factScope, factName, factReason, factType, factComponent}
}

// Selector returns a server-side field selector that selects all Events that the
// list accepts. It may select more, so the list must still decide on each.
//
// A field selector is an AND of = and != terms. There is a term
//
//   - = for a fact that all accepting filters require to have the same value;
//   - != for a value with which, given the terms above, a filter rejects every
//     Event that no earlier filter accepts;
//   - != for a value that all accepting filters that match it except.
//
// The selector of a list that accepts everything is empty. The selector of a
// list that accepts nothing, or of a nil list, selects nothing. It is not
// fields.Nothing, because the API server reads that as everything.
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
			continue // the namespace implies the scope
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

// accepting returns the indexes of the filters that accept and are not shadowed
// by an earlier filter.
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

// pinned returns a condition for each fact that all accepting filters require to
// have the same value, and for all others a condition that always holds.
func pinned(rules []rule, accepting []int) conditions {
	var pins conditions
	for f := range pins {
		value, ok := rules[accepting[0]].implied[f].exactly()
		for _, i := range accepting[1:] {
			other, otherOK := rules[i].implied[f].exactly()
			ok = ok && otherOK && other == value
		}
		if ok {
			pins[f] = anyOf{{form: exact, text: value}}
		}
	}
	return pins
}

// excluded returns the values of fact f that no accepted Event has, because a
// filter without other open conditions rejects them and no earlier filter
// accepts them. They are in the order of the filters, each once.
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

// dependsOnlyOn reports whether all text conditions of r except the one on f hold
// for every Event for which pins hold.
func (r *rule) dependsOnlyOn(f fact, pins *conditions) bool {
	for other := range factCount {
		if other != f && !r.conditions[other].covers(pins[other]) {
			return false
		}
	}
	return true
}

// acceptedBefore reports whether a filter before index i may accept an Event whose
// fact f has the value.
func (l *List) acceptedBefore(i int, f fact, value string) bool {
	for j := range l.rules[:i] {
		if l.rules[j].verdict.Action == Accept && l.rules[j].implied[f].matches(value) {
			return true
		}
	}
	return false
}

// excepted returns the values of fact f that all accepting filters that match
// them except. They are in the order of the filters, each once.
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
		if r.implied[f].matches(value) && !r.excepts(f, value) {
			return false
		}
	}
	return true
}

// excepts reports whether the exception of r holds for every Event that r matches
// and whose fact f has the value.
func (r *rule) excepts(f fact, value string) bool {
	x := r.except
	if x == nil || x.expression != nil || !x.conditions[f].matches(value) {
		return false
	}
	for other := range factCount {
		if other != f && !x.conditions[other].covers(r.implied[other]) {
			return false
		}
	}
	return true
}
