package filter

import (
	"math/bits"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/expression"
)

// Default is the name in verdicts if no filter matched.
const Default = "default"

// Verdict is the decision on an Event.
type Verdict struct {
	// Action is what was decided.
	Action Action
	// By is what decided: the ID or the Path of a filter, or Default.
	By string
	// Destination is where the Event is sent to, empty for Brigade. Accepted only.
	Destination string
	// Project is the project to build, as its Rule has it. Accepted only.
	Project string
	// CommitRef is that of the Rule. Accepted only.
	CommitRef string
	// LogLevel is that of the Rule. Accepted only.
	LogLevel LogLevel
	// OncePer is that of the Rule. Accepted only.
	OncePer OncePer
	// Faults are the expressions that failed on this Event. May be nil.
	Faults []Fault
}

// Fault is an expression that failed on an Event.
type Fault struct {
	// By is the name of the filter.
	By string
	// Action is the action of the filter. A filter that rejects has rejected the
	// Event; a filter that accepts did not match.
	Action Action
	// Err is the error of CEL.
	Err error
}

// Outcome returns the consequence of the failure, as readable text.
func (f Fault) Outcome() string {
	if f.Action == Reject {
		return "event rejected"
	}
	return "filter did not match"
}

// List is a compiled filter list. It is immutable and safe for concurrent use. A
// nil *List is the list of a gateway without a filter file: it rejects every
// Event by Default.
type List struct {
	source []Rule
	rules  []rule
	// index finds the rules that may match, and rest decides whether they do.
	index index
	rest  []rest
}

// rule is one compiled filter.
type rule struct {
	verdict    Verdict
	conditions conditions
	// implied is conditions and what they imply, to compare rules.
	implied    conditions
	expression *expression.Expression
	// except may be nil.
	except *exception
}

// Decide returns the verdict of the first filter that matches e, or a rejection
// by Default. It allocates only if an expression runs.
//
// A filter fails closed. If the expression of a filter that rejects fails, the
// filter rejects e. If that of a filter that accepts fails, the filter does not
// match and the next is tried.
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

// rest is the part of a rule that the index does not decide. It is separate from
// rule so that many fit into a cache line.
type rest struct {
	// globs are the conditions that the index does not decide.
	globs []openCondition
	// tail is nil if there are only text conditions.
	tail *tail
}

// openCondition is a text condition that the index does not decide.
type openCondition struct {
	fact      fact
	condition anyOf
}

// holds decides on a rule that is a candidate of the index. Its error is that of
// an expression.
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

// Len returns the number of filters.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.rules)
}

// Rules returns the filters that the list was compiled from, in order.
func (l *List) Rules() []Rule {
	if l == nil {
		return nil
	}
	return cloneRules(l.source)
}

// cloneRules returns a deep copy.
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

// Names returns the names of the filters in verdicts, in order.
func (l *List) Names() []string {
	names := make([]string, l.Len())
	for i := range names {
		names[i] = l.rules[i].verdict.By
	}
	return names
}

// Keys returns the keys of all conditions that the filters have, each once.
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
