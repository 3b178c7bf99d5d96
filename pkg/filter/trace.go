package filter

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Step is one filter that was tried on an Event.
type Step struct {
	// By is the name of the filter.
	By string
	// Matched is whether the filter matched and decided.
	Matched bool
	// Why is the first condition that did not hold, as readable text:
	// `namespace is "pequod", not "kube-system"`. If Matched, it is empty, except
	// for a filter that rejects because its expression failed and for the rules
	// of pkg/decide.
	Why string
}

// Trace returns each filter that was tried on e, up to and including the one that
// decided. If the last Step did not match, or there is none, Default decided.
// Trace tries the filters one by one, without the index.
func (l *List) Trace(e *corev1.Event) []Step {
	if l == nil {
		return nil
	}
	f := factsOf(e)
	var steps []Step
	for i := range l.rules {
		step := l.rules[i].try(&f, e)
		steps = append(steps, step)
		if step.Matched {
			break
		}
	}
	return steps
}

func (r *rule) try(f *facts, e *corev1.Event) Step {
	step := Step{By: r.verdict.By}
	for i, condition := range r.conditions {
		if value := f[i]; !condition.matches(value) {
			step.Why = fmt.Sprintf("%s is %q, not %s", fact(i), value, condition)
			return step
		}
	}
	excepted := r.except != nil && r.except.conditions.hold(f)
	if excepted && r.except.expression == nil {
		step.Why = r.except.why(f)
		return step
	}
	var err error
	step.Matched = true
	if r.expression != nil {
		step.Matched, err = r.expression.Holds(e)
	}
	switch {
	case err != nil:
		step.fails(r, "expression", err)
		return step
	case !step.Matched:
		step.Why = "expression is false"
		return step
	case !excepted:
		return step
	}
	holds, err := r.except.expression.Holds(e)
	switch {
	case err != nil:
		step.fails(r, "except.expression", err)
	case holds:
		step.Matched, step.Why = false, r.except.why(f)
	}
	return step
}

// fails records that an expression of r failed.
func (s *Step) fails(r *rule, key string, err error) {
	fault := Fault{By: s.By, Action: r.verdict.Action, Err: err}
	s.Matched = fault.Action == Reject
	s.Why = fmt.Sprintf("%s failed, %s: %v", key, fault.Outcome(), err)
}

// why returns the conditions of an exception that holds.
func (x *exception) why(f *facts) string {
	var parts []string
	for i, condition := range x.conditions {
		if len(condition) > 0 {
			parts = append(parts, fmt.Sprintf("%s is %q", fact(i), f[i]))
		}
	}
	if x.expression != nil {
		parts = append(parts, "its expression is true")
	}
	return "except applies: " + strings.Join(parts, ", ")
}

// String returns the globs as a choice: "Killing" or "Back*".
func (c anyOf) String() string {
	texts := make([]string, len(c))
	for i, g := range c {
		texts[i] = fmt.Sprintf("%q", g)
	}
	return strings.Join(texts, " or ")
}
