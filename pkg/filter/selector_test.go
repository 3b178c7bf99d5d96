package filter

import (
	"fmt"
	"strings"
	"testing"
)

func TestSelector(t *testing.T) {
	accept := Rule{Kind: "Pod", Action: Accept}
	for name, test := range map[string]struct {
		rules []Rule
		want  string
	}{
		"what the only accepting filter pins, and what is rejected of that": {
			pequod(), "involvedObject.kind=Pod,involvedObject.namespace=pequod,reason!=Killing",
		},
		"a list that accepts everything selects everything": {
			[]Rule{{Action: Accept}}, "",
		},
		"a list that accepts nothing selects nothing": {
			[]Rule{{Kind: "Pod"}}, "involvedObject.kind=,involvedObject.kind!=",
		},
		"a list whose accepts are shadowed selects nothing": {
			[]Rule{{Kind: "Pod"}, {Kind: "Pod", Name: "web-0", Action: Accept}}, "involvedObject.kind=,involvedObject.kind!=",
		},
		"every fact can be pinned": {
			[]Rule{{Namespace: "pequod", Kind: "Pod", Reasons: []string{"BackOff"}, Name: "web-0", Type: "Warning", Component: "kubelet", Action: Accept}},
			"involvedObject.kind=Pod,involvedObject.namespace=pequod,involvedObject.name=web-0,reason=BackOff,type=Warning,source=kubelet",
		},
		"a pin holds only where all accepting filters agree": {
			[]Rule{{Kind: "Pod", Namespace: "pequod", Action: Accept}, {Kind: "Pod", Namespace: "rachel", Action: Accept}},
			"involvedObject.kind=Pod,involvedObject.namespace!=",
		},
		"the scope Cluster pins an empty namespace": {
			[]Rule{{Kind: "Node", Scope: ClusterScope, Action: Accept}}, "involvedObject.kind=Node,involvedObject.namespace=",
		},
		"the scope Namespaced excludes the empty namespace": {
			[]Rule{{Scope: NamespacedScope, Action: Accept}}, "involvedObject.namespace!=",
		},
		"different namespaces have one scope": {
			[]Rule{{Namespace: "ahab-*", Action: Accept}, {Scope: NamespacedScope, Action: Accept}}, "involvedObject.namespace!=",
		},
		"both scopes pin nothing": {
			[]Rule{{Namespace: "ahab", Action: Accept}, {Scope: ClusterScope, Action: Accept}}, "",
		},
		"a scope that is rejected is excluded": {
			[]Rule{{Scope: ClusterScope}, {Reasons: []string{"Killing"}}, accept}, "involvedObject.kind=Pod,involvedObject.namespace!=,reason!=Killing",
		},
		"a scope that is rejected for the accepted kind is excluded": {
			[]Rule{{Scope: NamespacedScope, Kind: "Node"}, {Kind: "Node", Action: Accept}}, "involvedObject.kind=Node,involvedObject.namespace=",
		},
		"a rejected scope behind a namespace that is accepted is not excluded": {
			[]Rule{{Namespace: "pequod", Action: Accept}, {Scope: NamespacedScope}, {Action: Accept}}, "",
		},
		"a glob pins nothing": {
			[]Rule{{Kind: "Po*", Action: Accept}}, "",
		},
		"one of several reasons pins nothing": {
			[]Rule{{Reasons: []string{"BackOff", "Failed"}, Action: Accept}}, "",
		},
		"an expression only ever selects less": {
			[]Rule{{Kind: "Pod", Expression: "count > 5", Action: Accept}}, "involvedObject.kind=Pod",
		},
		"each rejected value is excluded once": {
			[]Rule{{Reasons: []string{"Killing", "Pulled"}}, {Reasons: []string{"Killing"}}, {Type: "Normal"}, accept},
			"involvedObject.kind=Pod,reason!=Killing,reason!=Pulled,type!=Normal",
		},
		"the words among rejected globs are excluded": {
			[]Rule{{Reasons: []string{"Pull*", "Killing"}}, accept}, "involvedObject.kind=Pod,reason!=Killing",
		},
		"a rejection that needs a second condition excludes nothing": {
			[]Rule{{Reasons: []string{"Killing"}, Namespace: "pequod"}, accept}, "involvedObject.kind=Pod",
		},
		"a rejection whose second condition the pins meet does exclude": {
			[]Rule{{Reasons: []string{"Killing"}, Kind: "P*"}, accept}, "involvedObject.kind=Pod,reason!=Killing",
		},
		"a rejection with an expression excludes nothing": {
			[]Rule{{Reasons: []string{"Killing"}, Expression: "count > 1"}, accept}, "involvedObject.kind=Pod",
		},
		"a rejection behind the accept excludes nothing": {
			[]Rule{accept, {Reasons: []string{"Killing"}}}, "involvedObject.kind=Pod",
		},
		"a rejection behind an accept of something else still excludes": {
			[]Rule{{Reasons: []string{"Failed"}, Kind: "Pod", Action: Accept}, {Reasons: []string{"Killing", "Failed"}}, accept},
			"involvedObject.kind=Pod,reason!=Killing",
		},
		"values are escaped": {
			[]Rule{{Name: `a,b=c\d`, Action: Accept}}, `involvedObject.name=a\,b\=c\\d`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mustCompile(t, test.rules...).Selector().String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestSelectorOfANilListSelectsNothing(t *testing.T) {
	var l *List
	if got := l.Selector(); got.Matches(selectableFields(backOff())) || got.Empty() {
		t.Errorf("got %q", got)
	}
}

func TestSelectorIsBounded(t *testing.T) {
	rules := make([]Rule, 0, 1001)
	for i := range 1000 {
		rules = append(rules, Rule{Reasons: []string{fmt.Sprintf("Reason%d", i)}})
	}
	selector := mustCompile(t, append(rules, Rule{Kind: "Pod", Action: Accept})...).Selector().String()
	if got := strings.Count(selector, "!="); got != maxExclusions {
		t.Errorf("%d exclusions in %s", got, selector)
	}
}
