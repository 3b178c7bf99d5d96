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
		shadowed[Path(s.Index)] = true
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
		if !matchesByTheBook(r.Conditions(), e) {
			continue
		}
		excepted := r.Except != nil && matchesByTheBook(*r.Except, e)
		if excepted && r.Except.Expression == "" {
			continue
		}
		var err error
		holds := true
		if r.Expression != "" {
			holds, err = l.rules[i].expression.Holds(e)
		}
		if err == nil && holds && excepted {
			holds, err = l.rules[i].except.expression.Holds(e)
			holds = !holds
		}
		if err != nil {
			failures++
			holds = r.Action == Reject
		}
		if holds {
			return Path(i), failures
		}
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

// A filter with an exception says what two filters say: one ahead of it that
// rejects what both its conditions and those of the exception match.
func TestAnExceptionIsARejectionAhead(t *testing.T) {
	for seed := range uint64(1500) {
		g := &generator{data: randomBytes(5000+seed, 200)}
		ahead := g.rules()
		accept := g.rule()
		accept.Action, accept.Project = Accept, "p"
		accept.Expression = "" // what fails in both filters rejects in the first only
		if accept.Except == nil {
			continue
		}
		without := accept
		without.Except = nil
		one := mustCompile(t, append(append([]Rule{}, ahead...), accept)...)
		both := both(without, *accept.Except)
		if both == nil {
			continue
		}
		two := mustCompile(t, append(append([]Rule{}, ahead...), *both, without)...)
		for range 30 {
			e := g.event()
			if got, want := one.Decide(e).Action, two.Decide(e).Action; got != want {
				t.Fatalf("%s with the exception, %s with two filters\n%+v\nexcept %+v\non %+v", got, want, accept, *accept.Except, e)
			}
		}
	}
}

// both returns a filter that rejects what the conditions of a filter and those
// of an exception match, or nil where one filter cannot say that: a key of
// either has to be open, for a filter knows no "and" of two globs.
func both(r Rule, x Except) *Rule {
	out := Rule{Expression: x.Expression, Scope: r.Scope}
	if x.Scope != AnyScope {
		if r.Scope != AnyScope {
			return nil
		}
		out.Scope = x.Scope
	}
	own := r.Conditions()
	for _, f := range []struct{ own, except, out *[]string }{
		{&own.Namespace, &x.Namespace, &out.Namespace},
		{&own.Kind, &x.Kind, &out.Kind},
		{&own.Reasons, &x.Reasons, &out.Reasons},
		{&own.Name, &x.Name, &out.Name},
		{&own.Type, &x.Type, &out.Type},
		{&own.Component, &x.Component, &out.Component},
	} {
		switch {
		case newAnyOf(*f.own...) == nil:
			*f.out = *f.except
		case newAnyOf(*f.except...) == nil:
			*f.out = *f.own
		default:
			return nil
		}
	}
	if out.Scope == ClusterScope && newAnyOf(out.Namespace...) != nil {
		return nil
	}
	return &out
}
