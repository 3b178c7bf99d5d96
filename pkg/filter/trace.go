package filter

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Step is one filter that was tried on an Event.
type Step struct {
	// By is the filter, "filters[0]".
	By string
	// Matched is whether the filter matched, and so decided.
	Matched bool
	// Why is the first condition that did not hold, for people to read:
	// `namespace is "pequod", not "kube-system"`. Where Matched it is empty,
	// except for a filter that rejects because its expression failed, and for
	// the rules of pkg/decide.
	Why string
}

// Trace returns each filter that was tried on e, up to and including the one
// that decided. Where the last Step did not match, or there is none, Default
// decided. Trace is for explanations; it tries the filters one by one and does
// not use the index that Decide does.
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

// try tries r on e.
func (r *rule) try(f *facts, e *corev1.Event) Step {
	step := Step{By: r.verdict.By}
	for i, condition := range r.conditions {
		if value := f[i]; !condition.matches(value) {
			step.Why = fmt.Sprintf("%s is %q, not %s", fact(i), value, condition)
			return step
		}
	}
	if r.expression == nil {
		step.Matched = true
		return step
	}
	var err error
	step.Matched, err = r.expression.holds(e)
	switch {
	case err != nil:
		fault := Fault{By: step.By, Action: r.verdict.Action, Err: err}
		step.Matched = fault.Action == Reject
		step.Why = fmt.Sprintf("expression failed, %s: %v", fault.Outcome(), err)
	case !step.Matched:
		step.Why = "expression is false"
	}
	return step
}

// String returns the globs as a choice: "Killing" or "Back*".
func (c anyOf) String() string {
	texts := make([]string, len(c))
	for i, g := range c {
		texts[i] = fmt.Sprintf("%q", g)
	}
	return strings.Join(texts, " or ")
}
