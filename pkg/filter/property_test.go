package filter

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// FuzzDecide checks that everything the package reports about a list agrees, and
// compares it with a simple implementation of the rules.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(64) {
		f.Add(randomBytes(seed, 400))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkLaws(t, data) })
}

// TestLawsOnManyRandomLists does what FuzzDecide does, in every test run.
func TestLawsOnManyRandomLists(t *testing.T) {
	for seed := range uint64(1500) {
		checkLaws(t, randomBytes(1000+seed, 400))
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

// A filter with an exception says what two filters say: one above it that rejects
// what both its conditions and those of the exception match.
func TestAnExceptionIsARejectionAbove(t *testing.T) {
	lists, excepted := 0, 0
	for seed := range uint64(1500) {
		g := &generator{data: randomBytes(5000+seed, 700)}
		above := g.rules()
		accept := g.rule()
		accept.Action, accept.Project = Accept, "p"
		accept.Expression = "" // an expression that fails would reject in the first of the two filters
		x := g.conditions()
		if seed%2 == 0 { // so that it often decides
			above, accept.Name, accept.Type, x.Expression = nil, nil, nil, ""
		}
		both, ok := both(&accept, &x)
		if !ok {
			continue
		}
		lists++
		without, with := accept, accept
		without.Except, with.Except = nil, &x
		one := mustCompile(t, append(slices.Clone(above), with)...)
		two := mustCompile(t, append(slices.Clone(above), both, without)...)
		for range 30 {
			e := g.event()
			first, second := one.Decide(e), two.Decide(e)
			if first.Action != second.Action {
				t.Fatalf("%s with the exception, %s with two filters\n%+v\nexcept %+v\non %+v", first.Action, second.Action, accept, x, e)
			}
			if second.By == Path(len(above)) {
				excepted++
			}
		}
	}
	if lists < 1000 || excepted < 400 {
		t.Errorf("only %d lists were compared, and the exception decided on only %d Events", lists, excepted)
	}
}

// both returns a filter that rejects what the conditions of r and those of x match.
// A filter has no "and" of two globs, so where both have a key, x loses it. It
// returns false if x is left without conditions.
func both(r *Rule, x *Except) (Rule, bool) {
	if r.Scope != AnyScope {
		x.Scope = AnyScope
	}
	out := Rule{Expression: x.Expression, Scope: Scope(cmp.Or(string(r.Scope), string(x.Scope)))}
	own := r.Conditions()
	for _, f := range []struct{ own, except, out *[]string }{
		{&own.Namespace, &x.Namespace, &out.Namespace},
		{&own.Kind, &x.Kind, &out.Kind},
		{&own.Reasons, &x.Reasons, &out.Reasons},
		{&own.Name, &x.Name, &out.Name},
		{&own.Type, &x.Type, &out.Type},
		{&own.Component, &x.Component, &out.Component},
	} {
		if newAnyOf(*f.own...) == nil {
			*f.out = *f.except
		} else {
			*f.out, *f.except = *f.own, nil
		}
	}
	compiled := conditionsOf(x)
	unsatisfiable := out.Scope == ClusterScope && newAnyOf(out.Namespace...) != nil && !newAnyOf(out.Namespace...).matches("")
	return out, (!compiled.open() || x.Expression != "") && !unsatisfiable
}
