package filter

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// FuzzDecide holds all that the package says about a list against each other,
// and against the plainest implementation of its rules.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(64) {
		f.Add(randomBytes(seed, 160))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkLaws(t, data) })
}

// TestLawsOnManyRandomLists does what FuzzDecide does, in every test run.
func TestLawsOnManyRandomLists(t *testing.T) {
	for seed := range uint64(1500) {
		checkLaws(t, randomBytes(1000+seed, 160))
	}
}

// checkLaws generates a list and twenty Events and checks what must hold for
// any.
func checkLaws(t *testing.T, data []byte) {
	t.Helper()
	g := &generator{data: data}
	rules := g.rules()
	l := mustCompile(t, rules...)
	shadowed := map[string]bool{}
	for _, s := range l.Shadowed() {
		shadowed[By(s.Index)] = true
	}
	selector, err := fields.ParseSelector(l.Selector().String())
	if err != nil {
		t.Fatalf("the selector %q of %+v does not parse: %v", l.Selector(), rules, err)
	}
	for range 20 {
		e := g.event()
		verdict := l.Decide(e)
		describe := func() string { return fmt.Sprintf("%+v\nof %+v\non %+v", verdict, rules, e) }

		want, failures := firstMatchByTheBook(l, e)
		if verdict.By != want {
			t.Fatalf("first match: want %s, got %s", want, describe())
		}
		if len(verdict.Faults) != failures {
			t.Fatalf("faults: want %d, got %s", failures, describe())
		}
		steps := l.Trace(e)
		if by := decidedBy(steps); by != verdict.By {
			t.Fatalf("Trace says %s, Decide says %s", by, describe())
		}
		if shadowed[verdict.By] {
			t.Fatalf("a filter that can never decide did: %s", describe())
		}
		if verdict.Action == Accept && !selector.Matches(selectableFields(e)) {
			t.Fatalf("accepted, but not selected by %q: %s", selector, describe())
		}
	}
}

// firstMatchByTheBook returns who must decide, and how many expressions fail
// before.
func firstMatchByTheBook(l *List, e *corev1.Event) (by string, failures int) {
	for i, r := range l.Rules() {
		if !matchesByTheBook(r, e) {
			continue
		}
		if r.Expression != "" {
			holds, err := l.rules[i].expression.holds(e)
			if err != nil {
				failures++
				holds = r.Action == Reject
			}
			if !holds {
				continue
			}
		}
		return By(i), failures
	}
	return Default, failures
}

// decidedBy returns who decided according to Trace.
func decidedBy(steps []Step) string {
	if n := len(steps); n > 0 && steps[n-1].Matched {
		return steps[n-1].By
	}
	return Default
}
