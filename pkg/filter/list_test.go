package filter

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event/eventtest"
)

// pequod is the list that the README and examples/filters.yaml teach with.
func pequod() []Rule {
	return []Rule{
		{Namespace: []string{"kube-system"}},
		{Kind: []string{"Node"}, Scope: ClusterScope},
		{Kind: []string{"Pod"}, Reasons: []string{"Killing"}},
		{Kind: []string{"Pod"}, Namespace: []string{"pequod"}, Action: Accept, Project: "deis/empty-testbed"},
		{},
	}
}

// about returns an Event about an object.
func about(kind, namespace, reason string) *corev1.Event {
	return &corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: namespace, Name: "web-0"},
		Reason:         reason,
	}
}

func TestDecide(t *testing.T) {
	project := "deis/empty-testbed"
	hourly := OncePer{Window: time.Hour}
	for name, test := range map[string]struct {
		rules []Rule
		event *corev1.Event
		want  Verdict
	}{
		"the first filter that matches decides": {
			pequod(), about("Pod", "kube-system", "BackOff"), Verdict{By: "filters[0]"},
		},
		"a kind matches in any namespace": {
			pequod(), about("Node", "", "NodeNotReady"), Verdict{By: "filters[1]"},
		},
		"all conditions of a filter must hold": {
			pequod(), about("Pod", "pequod", "Killing"), Verdict{By: "filters[2]"},
		},
		"an accepted Event has its project": {
			pequod(), about("Pod", "pequod", "BackOff"), Verdict{Action: Accept, By: "filters[3]", Project: project},
		},
		"a filter without conditions catches the rest": {
			pequod(), about("Pod", "default", "BackOff"), Verdict{By: "filters[4]"},
		},
		"without a match the Event is rejected by default": {
			pequod()[:4], about("Job", "pequod", "Completed"), Verdict{By: Default},
		},
		"an empty list rejects by default": {
			nil, about("Pod", "pequod", "BackOff"), Verdict{By: Default},
		},
		"a namespace of * matches cluster-scoped objects too": {
			[]Rule{{Namespace: []string{"*"}, Action: Accept}}, about("Node", "", "NodeNotReady"), Verdict{Action: Accept, By: "filters[0]"},
		},
		"a namespace is the involved object's, not the Event's": {
			[]Rule{{Namespace: []string{"default"}, Action: Accept}},
			&corev1.Event{ObjectMeta: about("", "", "").ObjectMeta, InvolvedObject: corev1.ObjectReference{Kind: "Node"}},
			Verdict{By: Default},
		},
		"the scope Cluster is of objects without a namespace": {
			[]Rule{{Kind: []string{"Node"}, Scope: ClusterScope, Action: Accept}}, about("Node", "", "NodeNotReady"), Verdict{Action: Accept, By: "filters[0]"},
		},
		"a Node in a namespace is not in the scope Cluster": {
			[]Rule{{Kind: []string{"Node"}, Scope: ClusterScope, Action: Accept}}, about("Node", "evil", "NodeNotReady"), Verdict{By: Default},
		},
		"the scope Namespaced is of objects with a namespace": {
			[]Rule{{Scope: NamespacedScope, Action: Accept}}, about("Pod", "pequod", "BackOff"), Verdict{Action: Accept, By: "filters[0]"},
		},
		"a Node is not in the scope Namespaced": {
			[]Rule{{Scope: NamespacedScope, Action: Accept}}, about("Node", "", "NodeNotReady"), Verdict{By: Default},
		},
		"any of several reasons will do": {
			[]Rule{{Reasons: []string{"Failed*", "BackOff"}, Action: Accept}},
			about("Pod", "pequod", "FailedMount"),
			Verdict{Action: Accept, By: "filters[0]"},
		},
		"one reason of * is any": {
			[]Rule{{Reasons: []string{"Failed", "*"}, Action: Accept}}, about("Pod", "pequod", ""), Verdict{Action: Accept, By: "filters[0]"},
		},
		"type and component are conditions like any other": {
			[]Rule{{Type: []string{"Normal"}, Action: Accept}, {Type: []string{"Warning"}, Component: []string{"kube-proxy"}}, {Type: []string{"Warning"}, Component: []string{"kubelet"}, Action: Accept}},
			eventtest.BackOff(),
			Verdict{Action: Accept, By: "filters[2]"},
		},
		"what an accepting filter says of repeats is in its verdict": {
			[]Rule{{Name: []string{"web-?"}, Action: Accept, Project: project, OncePer: hourly}},
			eventtest.BackOff(),
			Verdict{Action: Accept, By: "filters[0]", Project: project, OncePer: hourly},
		},
		"an expression that is false lets the next filter decide": {
			[]Rule{{Expression: "count > 7", Action: Accept}, {Expression: "count == 7"}}, eventtest.BackOff(), Verdict{By: "filters[1]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, mustCompile(t, test.rules...).Decide(test.event)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// A filter fails closed: what fails in one that accepts does not match, and
// what fails in one that rejects rejects.
func TestDecideFailsClosedAndNamesTheExpressionsThatFailed(t *testing.T) {
	l := mustCompile(t,
		Rule{Expression: `event.metadata.labels["team"] == "ahab"`, Action: Accept},
		Rule{Kind: []string{"Node"}, Expression: `1 / (count - 7) > 0`},
		Rule{Expression: `1 / (count - 7) > 0`},
		Rule{Kind: []string{"Pod"}, Action: Accept},
	)
	verdict := l.Decide(eventtest.BackOff())
	want := Verdict{Action: Reject, By: "filters[2]"}
	if diff := cmp.Diff(want, verdict, cmpopts.IgnoreFields(Verdict{}, "Faults")); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	var faults []string
	for _, f := range verdict.Faults {
		faults = append(faults, f.By+": "+f.Outcome()+": "+f.Err.Error())
	}
	wantFaults := []string{
		"filters[0]: filter did not match: no such key: team",
		"filters[2]: event rejected: division by zero",
	}
	if diff := cmp.Diff(wantFaults, faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestNilListObserves(t *testing.T) {
	var l *List
	if got := l.Decide(eventtest.BackOff()); got.Action != Reject || got.By != Default {
		t.Errorf("Decide: %+v", got)
	}
	if l.Len() != 0 || l.Rules() != nil || l.Trace(eventtest.BackOff()) != nil || l.Shadowed() != nil {
		t.Error("a nil list has something")
	}
}

func TestRulesAreTheCallersOwn(t *testing.T) {
	rules := []Rule{{Reasons: []string{"Killing"}}}
	l := mustCompile(t, rules...)
	rules[0].Reasons[0] = "BackOff"
	l.Rules()[0].Reasons[0] = "Failed"
	if got := l.Rules()[0].Reasons[0]; got != "Killing" || l.Len() != 1 {
		t.Errorf("the list's rule changed to %s", got)
	}
}

func TestDecideWithPlainKeysDoesNotAllocate(t *testing.T) {
	l := mustCompile(t, append(pequod(), Rule{Scope: ClusterScope}, Rule{Name: []string{"*-?"}, Reasons: []string{"Back*", "Killing"}, Action: Accept})...)
	e := eventtest.BackOff()
	if allocations := testing.AllocsPerRun(100, func() { l.Decide(e) }); allocations != 0 {
		t.Errorf("%g allocations a decision", allocations)
	}
}

// More than 64 filters take more than one word of the index.
func TestDecideBeyondTheFirstWordOfTheIndex(t *testing.T) {
	rules := make([]Rule, 200)
	for i := range rules {
		rules[i] = Rule{Kind: []string{"Job"}, Namespace: []string{"pequod"}}
	}
	rules[130] = Rule{Kind: []string{"Pod"}, Action: Accept}
	if got := mustCompile(t, rules...).Decide(eventtest.BackOff()); got.By != "filters[130]" {
		t.Errorf("decided by %s", got.By)
	}
}

func TestManyGoroutinesMayDecideAtOnce(t *testing.T) {
	l := mustCompile(t,
		Rule{Expression: `event.message.matches("^nothing like it") || event.reason in ["Killing", "Pulled"]`},
		Rule{Name: []string{"web-*"}, Expression: "count > 5", Action: Accept},
	)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if v := l.Decide(eventtest.BackOff()); v.By != "filters[1]" || v.Faults != nil {
					t.Errorf("%+v", v)
				}
			}
		})
	}
	group.Wait()
}
