package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event/eventtest"
)

func TestListsExceptionsAndNames(t *testing.T) {
	for name, test := range map[string]struct {
		rule Rule
		want bool
	}{
		"any of a list matches":               {Rule{Namespace: []string{"ahab", "pequod"}, Kind: []string{"Job", "P*"}}, true},
		"none of a list matches":              {Rule{Namespace: []string{"ahab", "starbuck"}}, false},
		"a list of types":                     {Rule{Type: []string{"Normal", "Warning"}}, true},
		"an exception that applies":           {Rule{Kind: []string{"Pod"}, Except: &Except{Name: []string{"web-*"}}}, false},
		"an exception that does not":          {Rule{Kind: []string{"Pod"}, Except: &Except{Name: []string{"db-*"}}}, true},
		"an exception of which one part does": {Rule{Except: &Except{Name: []string{"web-*"}, Reasons: []string{"Killing"}}}, true},
		"an exception by expression":          {Rule{Except: &Except{Expression: "count > 3"}}, false},
		"an exception by another expression":  {Rule{Expression: "count > 3", Except: &Except{Expression: "count > 1000"}}, true},
		"an exception by scope":               {Rule{Except: &Except{Scope: NamespacedScope}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			test.rule.Action = Accept
			l := mustCompile(t, test.rule)
			if verdict := l.Decide(eventtest.BackOff()); (verdict.Action == Accept) != test.want {
				t.Errorf("%+v", verdict)
			}
			if by := decidedBy(l.Trace(eventtest.BackOff())); (by == Path(0)) != test.want {
				t.Errorf("Trace says %s", by)
			}
		})
	}
}

func TestAnExceptionThatFailsIsNoMatchForAnAcceptingFilter(t *testing.T) {
	failing := &Except{Expression: "event.series.count > 1 / (count - count)"}
	for action, want := range map[Action]string{Accept: Default, Reject: Path(0)} {
		verdict := mustCompile(t, Rule{Action: action, Except: failing}).Decide(eventtest.BackOff())
		if verdict.By != want || len(verdict.Faults) != 1 {
			t.Errorf("%s: %+v", action, verdict)
		}
	}
}

func TestTheTraceNamesTheException(t *testing.T) {
	l := mustCompile(t,
		Rule{ID: "noisy", Kind: []string{"Pod", "Job"}, Except: &Except{Name: []string{"web-*"}, Reasons: []string{"BackOff"}}},
		Rule{Kind: []string{"Job", "Node"}},
		Rule{Except: &Except{Expression: "count > 1"}},
	)
	want := []Step{
		{By: "noisy", Why: `except applies: reason is "BackOff", name is "web-0"`},
		{By: "filters[1]", Why: `kind is "Pod", not "Job" or "Node"`},
		{By: "filters[2]", Why: "except applies: its expression is true"},
	}
	if diff := cmp.Diff(want, l.Trace(eventtest.BackOff())); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
}

func TestNewKeysCostNothingWhereTheyAreNotUsed(t *testing.T) {
	l := mustCompile(t, Rule{Kind: []string{"Node"}}, Rule{Kind: []string{"Pod"}, Action: Accept})
	for i := range l.rest {
		if l.rest[i].tail != nil {
			t.Errorf("filter %d has a tail", i)
		}
	}
	e := eventtest.BackOff()
	if allocations := testing.AllocsPerRun(100, func() { l.Decide(e) }); allocations > 0 {
		t.Errorf("%g allocations", allocations)
	}
	with := mustCompile(t, Rule{
		ID: "a", Namespace: []string{"x", "pequod"}, Kind: []string{"Job", "Pod"}, Action: Accept,
		Except:  &Except{Name: []string{"db-*"}},
		OncePer: OncePer{Window: MinWindow, GroupBy: Group(0).All()},
	})
	if allocations := testing.AllocsPerRun(100, func() { with.Decide(e) }); allocations > 0 {
		t.Errorf("%g allocations with lists, an exception and a group", allocations)
	}
}

func TestCompileRefusesNewKeys(t *testing.T) {
	window := OncePer{Window: MinWindow}
	for name, test := range map[string]struct {
		rules []Rule
		want  string
	}{
		"an id with a space":            {[]Rule{{ID: "a b"}}, `filters[0].id: "a b" is not an id; it has at most 63 letters, digits, '-', '_' and '.'`},
		"an id that looks like a place": {[]Rule{{ID: "filters[1]"}}, `filters[0].id: "filters[1]" is not an id; it has at most 63 letters, digits, '-', '_' and '.'`},
		"an id that is reserved":        {[]Rule{{ID: "default"}}, `filters[0].id: "default" is reserved for verdicts without a filter; choose another`},
		"an id that is taken":           {[]Rule{{ID: "a"}, {ID: "a"}}, `filters[1].id: "a" is also the id of filters[0]; choose another`},
		"an exception of everything":    {[]Rule{{Except: &Except{Kind: []string{"*"}}}}, `filters[0].except: no conditions, so the filter would match nothing; name some, or remove except`},
		"an empty entry":                {[]Rule{{Kind: []string{"Pod", ""}}}, `filters[0].kind[1]: empty kind; name one, write * for any, or remove the entry`},
		"a wrong type in an exception":  {[]Rule{{Except: &Except{Type: []string{"Error"}}}}, `filters[0].except.type[0]: unknown type "Error"; allowed are Normal and Warning`},
		"a fault in its expression":     {[]Rule{{Except: &Except{Expression: "reason"}}}, `filters[0].except.expression: undeclared reference to 'reason'; write event.reason`},
		"a group without a window":      {[]Rule{{Action: Accept, OncePer: OncePer{GroupBy: Group(0).All()}}}, `filters[0].groupBy: groupBy needs a window to group in; write oncePer, for example 10m`},
		"outcomes of one that rejects": {
			[]Rule{{CommitRef: "main", LogLevel: "info", OncePer: OncePer{Window: window.Window, GroupBy: Group(0).All()}}},
			"filters[0].groupBy: a filter that rejects starts no builds; remove groupBy, or accept; " +
				"filters[0].commitRef: a filter that rejects builds nothing; remove commitRef, or accept; " +
				"filters[0].logLevel: a filter that rejects builds nothing; remove logLevel, or accept; " +
				"filters[0].oncePer: a filter that rejects starts no builds; remove oncePer, or accept",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(test.rules)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	var g Group
	if g.String() != "" || g.IsSet() {
		t.Errorf("the zero Group is %q", g)
	}
	for _, key := range []string{"reason", "namespace"} {
		var err error
		if g, err = g.With(key); err != nil {
			t.Fatal(err)
		}
	}
	e := &corev1.Event{Reason: "BackOff", InvolvedObject: corev1.ObjectReference{Namespace: "pequod", Kind: "Pod"}}
	if g.String() != "[namespace, reason]" || g.Describe(e) != "namespace pequod, reason BackOff" {
		t.Errorf("%s: %s", g, g.Describe(e))
	}
	if all := g.All(); all.String() != "[]" || all.Describe(e) != "all Events of the filter" {
		t.Errorf("%s: %s", all, all.Describe(e))
	}
	if _, err := g.With("label"); err == nil || err.Error() != `unknown key "label"; allowed are namespace, kind, name, reason, type, component` {
		t.Errorf("got %v", err)
	}
}

// A filter that is moved keeps its groups, and two filters do not share them.
func TestGroupsBelongToAFilter(t *testing.T) {
	filter := func(r Rule) string {
		r.Action, r.OncePer = Accept, OncePer{Window: MinWindow, GroupBy: Group(0).All()}
		return mustCompile(t, Rule{Kind: []string{"Node"}}, r).rules[1].verdict.OncePer.Filter
	}
	pods, jobs := filter(Rule{Kind: []string{"Pod"}}), filter(Rule{Kind: []string{"Job"}})
	if pods == jobs || pods == "" || pods != filter(Rule{Kind: []string{"Pod"}, CommitRef: "main"}) {
		t.Errorf("pods %s, jobs %s", pods, jobs)
	}
	if named := filter(Rule{ID: "pods", Kind: []string{"Pod"}}); named != "pods" {
		t.Errorf("named %s", named)
	}
}
