package decide

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

func TestTheRulesBeforeTheFiltersDecideFirst(t *testing.T) {
	all, err := filter.Compile([]filter.Rule{{Kind: []string{"Job"}}, {Action: filter.Accept, Project: "deis/empty-testbed"}})
	if err != nil {
		t.Fatal(err)
	}
	accepted := filter.Verdict{Action: filter.Accept, By: "filters[1]", Project: "deis/empty-testbed"}
	const worker = "brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x"
	for name, test := range map[string]struct {
		decider   Decider
		namespace string
		about     corev1.ObjectReference
		want      filter.Verdict
		trace     []filter.Step
	}{
		"the filters decide on an Event about an object of its namespace": {
			Decider{Filters: all},
			"pequod",
			corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
			accepted,
			[]filter.Step{{By: "filters[0]", Why: `kind is "Pod", not "Job"`}, {By: "filters[1]", Matched: true}},
		},
		"an Event about an object of another namespace": {
			Decider{Filters: all},
			"evil",
			corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
			filter.Verdict{By: "namespace"},
			[]filter.Step{{By: "namespace", Matched: true, Why: `an Event in namespace "evil" cannot be about an object in "pequod"`}},
		},
		"a worker": {
			Decider{Filters: all},
			"brigade",
			corev1.ObjectReference{Kind: "Pod", Namespace: "brigade", Name: worker},
			filter.Verdict{By: "guard"},
			[]filter.Step{{By: "guard", Matched: true, Why: whyLoop}},
		},
		"a worker, with the loop guard off": {
			Decider{Filters: all, AllowBrigadeEvents: true},
			"brigade",
			corev1.ObjectReference{Kind: "Pod", Namespace: "brigade", Name: worker},
			accepted,
			[]filter.Step{{By: "filters[0]", Why: `kind is "Pod", not "Job"`}, {By: "filters[1]", Matched: true}},
		},
		"another namespace, with the loop guard off": {
			Decider{Filters: all, AllowBrigadeEvents: true},
			"evil",
			corev1.ObjectReference{Kind: "Pod", Namespace: "brigade", Name: worker},
			filter.Verdict{By: "namespace"},
			[]filter.Step{{By: "namespace", Matched: true, Why: `an Event in namespace "evil" cannot be about an object in "brigade"`}},
		},
		"without filters nothing is accepted": {
			Decider{},
			"pequod",
			corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
			filter.Verdict{By: filter.Default},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: test.namespace}, InvolvedObject: test.about}
			if diff := cmp.Diff(test.want, test.decider.Decide(e)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.trace, test.decider.Trace(e)); diff != "" {
				t.Errorf("trace (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	filters, err := filter.Compile([]filter.Rule{{Kind: []string{"Node"}, Scope: filter.ClusterScope}, {Namespace: []string{"peq*"}, Action: filter.Accept}})
	if err != nil {
		t.Fatal(err)
	}
	d := Decider{Filters: filters}
	for _, namespace := range []string{"pequod", "evil"} {
		e := &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: namespace},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
		}
		if allocations := testing.AllocsPerRun(100, func() { d.Decide(e) }); allocations != 0 {
			t.Errorf("%g allocations a decision", allocations)
		}
	}
}

// BenchmarkDecide measures a decision with the rules before the filters: two
// comparisons more than filter.Decide, and no allocation.
func BenchmarkDecide(b *testing.B) {
	rules := make([]filter.Rule, 100)
	for i := range rules {
		rules[i] = filter.Rule{Kind: []string{"Pod"}, Name: []string{fmt.Sprintf("web-%d-*", i)}}
	}
	rules[0] = filter.Rule{Kind: []string{"Node"}, Scope: filter.ClusterScope}
	rules[99] = filter.Rule{Kind: []string{"Pod"}, Namespace: []string{"pequod"}, Action: filter.Accept}
	filters, err := filter.Compile(rules)
	if err != nil {
		b.Fatal(err)
	}
	d := Decider{Filters: filters}
	e := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "pequod"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "checkout-5d9c7b8f6d-x2x9k"},
	}
	b.ReportAllocs()
	for b.Loop() {
		if v := d.Decide(e); v.Action != filter.Accept {
			b.Fatalf("%+v", v)
		}
	}
}
