package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShadowed(t *testing.T) {
	for name, test := range map[string]struct {
		rules []Rule
		want  []Shadow
	}{
		"filters after one without conditions": {
			[]Rule{{Kind: []string{"Pod"}}, {Kind: []string{"*"}, Action: Accept}, {Kind: []string{"Node"}}, {}},
			[]Shadow{
				{Index: 2, Earlier: 1, Why: "filters[1] matches every Event, so no later filter is reached"},
				{Index: 3, Earlier: 1, Why: "filters[1] matches every Event, so no later filter is reached"},
			},
		},
		"a filter that repeats another": {
			[]Rule{{Kind: []string{"Pod"}, Reasons: []string{"A", "B"}}, {Kind: []string{"Pod"}, Reasons: []string{"B", "A"}}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "it repeats filters[0]"}},
		},
		"a filter that contradicts another": {
			[]Rule{{Kind: []string{"Pod"}}, {Kind: []string{"Pod"}, Action: Accept}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] has the same conditions and decides first, to reject"}},
		},
		"a filter that asks for more than an earlier one": {
			[]Rule{{Name: []string{"web-*"}}, {Kind: []string{"Pod"}, Name: []string{"web-1*"}, Expression: "count > 1"}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] already matches every Event that this filter matches"}},
		},
		"an expression that is the same": {
			[]Rule{{Expression: "count > 1"}, {Kind: []string{"Pod"}, Expression: "count > 1"}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] already matches every Event that this filter matches"}},
		},
		"a namespace has a scope": {
			[]Rule{{Scope: NamespacedScope}, {Namespace: []string{"pequ*"}}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] already matches every Event that this filter matches"}},
		},
		"a scope that says what the namespace says": {
			[]Rule{{Namespace: []string{"pequod"}}, {Namespace: []string{"pequod"}, Scope: NamespacedScope}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "it repeats filters[0]"}},
		},
		"the other scope": {
			[]Rule{{Scope: ClusterScope, Kind: []string{"Node"}}, {Kind: []string{"Node"}}, {Scope: NamespacedScope}}, nil,
		},
		"an accept whose expression may fail, which then rejects": {
			[]Rule{{Expression: "count > 1", Action: Accept}, {Expression: "count > 1"}}, nil,
		},
		"a reject whose expression may fail": {
			[]Rule{{Expression: "count > 1"}, {Expression: "count > 1", Action: Accept}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] has the same conditions and decides first, to reject"}},
		},
		"an expression that differs is not compared": {
			[]Rule{{Expression: "true"}, {Kind: []string{"Pod"}, Expression: "count > 1"}}, nil,
		},
		"a filter that asks for less than an earlier one": {
			[]Rule{{Kind: []string{"Pod"}, Namespace: []string{"pequod"}}, {Kind: []string{"Pod"}}}, nil,
		},
		"a filter with one reason more": {
			[]Rule{{Reasons: []string{"A", "B"}}, {Reasons: []string{"A", "C"}}}, nil,
		},
		"a filter with an exception leaves something": {
			[]Rule{{Kind: []string{"Pod"}, Except: &Except{Name: []string{"a"}}}, {Kind: []string{"Pod"}}}, nil,
		},
		"a filter with the same exception is shadowed": {
			[]Rule{{Kind: []string{"Pod"}, Except: &Except{Name: []string{"a"}}}, {Kind: []string{"Pod"}, Except: &Except{Name: []string{"a", "b"}}}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] already matches every Event that this filter matches"}},
		},
		"an exception makes a filter narrower": {
			[]Rule{{Kind: []string{"Pod"}}, {Kind: []string{"Pod"}, Except: &Except{Name: []string{"a"}}}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] already matches every Event that this filter matches"}},
		},
		"a list within a list": {
			[]Rule{{Kind: []string{"Pod", "Job"}}, {Kind: []string{"Job"}}},
			[]Shadow{{Index: 1, Earlier: 0, Why: "filters[0] already matches every Event that this filter matches"}},
		},
		"the list that the README teaches with": {pequod(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, mustCompile(t, test.rules...).Shadowed()); diff != "" {
				t.Errorf("shadowed (-want +got):\n%s", diff)
			}
		})
	}
}
