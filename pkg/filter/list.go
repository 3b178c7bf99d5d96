package filter

import (
	"math/bits"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/expression"
)

// Default is who decided where no filter matched.
const Default = "default"

// Verdict is the decision about one Event and who made it.
type Verdict struct {
	// Action is what was decided.
	Action Action
	// By is who decided: a filter by its ID or its place, "filters[3]", or Default.
	By string
	// Project is the project to build, as its Rule has it. Accepted only.
	Project string
	// CommitRef is the Git reference to build, as its Rule has it. Accepted only.
	CommitRef string
	// LogLevel is how much the worker logs, as its Rule has it. Accepted only.
	LogLevel LogLevel
	// OncePer is how repeats of the Event are told from it. Accepted only.
	OncePer OncePer
	// Faults are the expressions that failed on this Event. It is nil unless
	// one did.
	Faults []Fault
}

// Fault is an expression that failed while it ran on one Event.
type Fault struct {
	// By is the filter whose expression failed, "filters[3]".
	By string
	// Action is that filter's action, which says what became of the Event: one
	// that rejects has rejected it, one that accepts did not match.
	Action Action
	// Err is what CEL said.
	Err error
}

// Outcome says what the failure meant for the Event, for people to read.
func (f Fault) Outcome() string {
	if f.Action == Reject {
		return "event rejected"
	}
	return "filter did not match"
}

// List is a compiled filter list. It never changes, and any number of
// goroutines may use it at once. A nil *List is the list of a gateway without
// a file: it rejects every Event by Default, so that it only observes.
type List struct {
	source []Rule
	rules  []rule
	// index finds the rules that may match, rest says whether they do.
	index index
	rest  []rest
}

// rule is one compiled filter.
type rule struct {
	verdict    Verdict
	conditions conditions
	// reach is conditions with what they imply, for comparing rules.
	reach      conditions
	expression *expression.Expression
	// except is nil where the rule has no exception.
	except *exception
}

// Decide returns the verdict on e: that of the first filter which matches, or
// a rejection by Default. It does not allocate unless an expression runs.
//
// A filter fails closed. Where the expression of a rejecting filter fails on e,
// that filter rejects e, because nobody knows that it would not have; where that
// of an accepting one fails, it does not match and the next filter is tried.
func (l *List) Decide(e *corev1.Event) Verdict {
	if l == nil || len(l.rules) == 0 {
		return Verdict{By: Default}
	}
	f := factsOf(e)
	rows, n := l.index.rows(&f)
	var faults []Fault
	for w := range l.index.words {
		for candidates := l.index.candidates(w, rows[:n]); candidates != 0; candidates &= candidates - 1 {
			i := w*wordSize + bits.TrailingZeros64(candidates)
			matched, err := l.rest[i].holds(&f, e)
			if err != nil {
				fault := Fault{By: l.rules[i].verdict.By, Action: l.rules[i].verdict.Action, Err: err}
				faults = append(faults, fault)
				matched = fault.Action == Reject
			}
			if matched {
				verdict := l.rules[i].verdict
				verdict.Faults = faults
				return verdict
			}
		}
	}
	return Verdict{By: Default, Faults: faults}
}

// rest is what the index leaves open about one rule. It is kept apart from the
// rule so that many fit into a cache line.
type rest struct {
	// globs are the conditions on which the index only says "perhaps".
	globs []openCondition
	// tail is nil where the text conditions say it all.
	tail *tail
}

// openCondition is a text condition that the index could not settle.
type openCondition struct {
	fact      fact
	condition anyOf
}

// holds completes what the index began. An error is the expression's failure.
func (r *rest) holds(f *facts, e *corev1.Event) (bool, error) {
	for i := range r.globs {
		if open := &r.globs[i]; !open.condition.matches(f[open.fact]) {
			return false, nil
		}
	}
	if r.tail == nil {
		return true, nil
	}
	return r.tail.holds(f, e)
}

// Len returns how many filters the list has.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.rules)
}

// Rules returns the filters the list was compiled from, in order.
func (l *List) Rules() []Rule {
	if l == nil {
		return nil
	}
	return cloneRules(l.source)
}

// cloneRules copies rules so deeply that neither copy sees changes to the
// other.
func cloneRules(rules []Rule) []Rule {
	out := slices.Clone(rules)
	for i := range out {
		r := &out[i]
		for _, globs := range []*[]string{&r.Namespace, &r.Kind, &r.Reasons, &r.Name, &r.Type, &r.Component} {
			*globs = slices.Clone(*globs)
		}
		if r.Except == nil {
			continue
		}
		x := *r.Except
		for _, globs := range []*[]string{&x.Namespace, &x.Kind, &x.Reasons, &x.Name, &x.Type, &x.Component} {
			*globs = slices.Clone(*globs)
		}
		r.Except = &x
	}
	return out
}

// Names returns what the filters are called in verdicts, in order.
func (l *List) Names() []string {
	names := make([]string, l.Len())
	for i := range names {
		names[i] = l.rules[i].verdict.By
	}
	return names
}

// Keys returns the filter file's names for what any of the filters looks at,
// each once.
func (l *List) Keys() []string {
	var keys []string
	add := func(key string) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if l == nil {
		return nil
	}
	for i := range l.rules {
		r := &l.rules[i]
		for f, condition := range r.conditions {
			if len(condition) > 0 || r.except != nil && len(r.except.conditions[f]) > 0 {
				add(fact(f).String())
			}
		}
		if r.evaluates() {
			add("expression")
		}
	}
	return keys
}
