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
	// Failed is the first condition that did not hold, for people to read:
	// `namespace is "pequod", not "kube-system"`. It is empty where Matched.
	Failed string
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
		failed := l.rules[i].failed(&f, e)
		steps = append(steps, Step{By: l.rules[i].verdict.By, Matched: failed == "", Failed: failed})
		if failed == "" {
			break
		}
	}
	return steps
}

// failed returns the first condition of r that does not hold, or "".
func (r *rule) failed(f *facts, e *corev1.Event) string {
	for i, condition := range r.conditions {
		if value := f[i]; !condition.matches(value) {
			return fmt.Sprintf("%s is %q, not %s", fact(i), value, condition)
		}
	}
	if r.expression == nil {
		return ""
	}
	matched, err := r.expression.holds(e)
	switch {
	case err != nil:
		return "expression failed: " + err.Error()
	case !matched:
		return "expression is false"
	default:
		return ""
	}
}

// String returns the globs as a choice: "Killing" or "Back*".
func (c anyOf) String() string {
	texts := make([]string, len(c))
	for i, g := range c {
		texts[i] = fmt.Sprintf("%q", g)
	}
	return strings.Join(texts, " or ")
}
