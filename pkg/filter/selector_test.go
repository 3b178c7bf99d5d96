package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event/eventtest"
)

func TestSelector(t *testing.T) {
	accept := Rule{Kind: []string{"Pod"}, Action: Accept}
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
		"what the accepting filter excepts": {
			[]Rule{{Kind: []string{"Pod"}, Except: &Except{Reasons: []string{"Killing", "Pull*"}}, Action: Accept}}, "involvedObject.kind=Pod,reason!=Killing",
		},
		"an exception with a second condition excludes nothing": {
			[]Rule{{Kind: []string{"Pod"}, Except: &Except{Reasons: []string{"Killing"}, Name: []string{"a"}}, Action: Accept}}, "involvedObject.kind=Pod",
		},
		"an exception whose second condition the filter meets does exclude": {
			[]Rule{{Kind: []string{"Pod"}, Except: &Except{Reasons: []string{"Killing"}, Kind: []string{"P*"}}, Action: Accept}}, "involvedObject.kind=Pod,reason!=Killing",
		},
		"an exception with an expression excludes nothing": {
			[]Rule{{Kind: []string{"Pod"}, Except: &Except{Reasons: []string{"Killing"}, Expression: "count > 1"}, Action: Accept}}, "involvedObject.kind=Pod",
		},
		"what one filter excepts and another accepts is not excluded": {
			[]Rule{
				{Kind: []string{"Pod"}, Except: &Except{Reasons: []string{"Killing", "Pulled"}}, Action: Accept},
				{Kind: []string{"Pod"}, Name: []string{"a"}, Reasons: []string{"Killing"}, Action: Accept},
			}, "involvedObject.kind=Pod,reason!=Pulled",
		},
		"a rejection with an exception excludes nothing": {
			[]Rule{{Reasons: []string{"Killing"}, Except: &Except{Name: []string{"a"}}}, accept}, "involvedObject.kind=Pod",
		},
		"one of several kinds pins nothing": {[]Rule{{Kind: []string{"Pod", "Job"}, Action: Accept}}, ""},
		"a list that accepts nothing selects nothing": {
			[]Rule{{Kind: []string{"Pod"}}}, "involvedObject.kind=,involvedObject.kind!=",
		},
		"a list whose accepts are shadowed selects nothing": {
			[]Rule{{Kind: []string{"Pod"}}, {Kind: []string{"Pod"}, Name: []string{"web-0"}, Action: Accept}}, "involvedObject.kind=,involvedObject.kind!=",
		},
		"every fact can be pinned": {
			[]Rule{{Namespace: []string{"pequod"}, Kind: []string{"Pod"}, Reasons: []string{"BackOff"}, Name: []string{"web-0"}, Type: []string{"Warning"}, Component: []string{"kubelet"}, Action: Accept}},
			"involvedObject.kind=Pod,involvedObject.namespace=pequod,involvedObject.name=web-0,reason=BackOff,type=Warning,source=kubelet",
		},
		"a pin holds only where all accepting filters agree": {
			[]Rule{{Kind: []string{"Pod"}, Namespace: []string{"pequod"}, Action: Accept}, {Kind: []string{"Pod"}, Namespace: []string{"rachel"}, Action: Accept}},
			"involvedObject.kind=Pod,involvedObject.namespace!=",
		},
		"the scope Cluster pins an empty namespace": {
			[]Rule{{Kind: []string{"Node"}, Scope: ClusterScope, Action: Accept}}, "involvedObject.kind=Node,involvedObject.namespace=",
		},
		"the scope Namespaced excludes the empty namespace": {
			[]Rule{{Scope: NamespacedScope, Action: Accept}}, "involvedObject.namespace!=",
		},
		"different namespaces have one scope": {
			[]Rule{{Namespace: []string{"ahab-*"}, Action: Accept}, {Scope: NamespacedScope, Action: Accept}}, "involvedObject.namespace!=",
		},
		"both scopes pin nothing": {
			[]Rule{{Namespace: []string{"ahab"}, Action: Accept}, {Scope: ClusterScope, Action: Accept}}, "",
		},
		"a scope that is rejected is excluded": {
			[]Rule{{Scope: ClusterScope}, {Reasons: []string{"Killing"}}, accept}, "involvedObject.kind=Pod,involvedObject.namespace!=,reason!=Killing",
		},
		"a scope that is rejected for the accepted kind is excluded": {
			[]Rule{{Scope: NamespacedScope, Kind: []string{"Node"}}, {Kind: []string{"Node"}, Action: Accept}}, "involvedObject.kind=Node,involvedObject.namespace=",
		},
		"a rejected scope after a namespace that is accepted is not excluded": {
			[]Rule{{Namespace: []string{"pequod"}, Action: Accept}, {Scope: NamespacedScope}, {Action: Accept}}, "",
		},
		"a glob pins nothing": {
			[]Rule{{Kind: []string{"Po*"}, Action: Accept}}, "",
		},
		"one of several reasons pins nothing": {
			[]Rule{{Reasons: []string{"BackOff", "Failed"}, Action: Accept}}, "",
		},
		"an expression only ever selects less": {
			[]Rule{{Kind: []string{"Pod"}, Expression: "count > 5", Action: Accept}}, "involvedObject.kind=Pod",
		},
		"each rejected value is excluded once": {
			[]Rule{{Reasons: []string{"Killing", "Pulled"}}, {Reasons: []string{"Killing"}}, {Type: []string{"Normal"}}, accept},
			"involvedObject.kind=Pod,reason!=Killing,reason!=Pulled,type!=Normal",
		},
		"the words among rejected globs are excluded": {
			[]Rule{{Reasons: []string{"Pull*", "Killing"}}, accept}, "involvedObject.kind=Pod,reason!=Killing",
		},
		"a rejection that needs a second condition excludes nothing": {
			[]Rule{{Reasons: []string{"Killing"}, Namespace: []string{"pequod"}}, accept}, "involvedObject.kind=Pod",
		},
		"a rejection whose second condition the pins meet does exclude": {
			[]Rule{{Reasons: []string{"Killing"}, Kind: []string{"P*"}}, accept}, "involvedObject.kind=Pod,reason!=Killing",
		},
		"a rejection with an expression excludes nothing": {
			[]Rule{{Reasons: []string{"Killing"}, Expression: "count > 1"}, accept}, "involvedObject.kind=Pod",
		},
		"a rejection after the accept excludes nothing": {
			[]Rule{accept, {Reasons: []string{"Killing"}}}, "involvedObject.kind=Pod",
		},
		"a rejection after an accept of something else still excludes": {
			[]Rule{{Reasons: []string{"Failed"}, Kind: []string{"Pod"}, Action: Accept}, {Reasons: []string{"Killing", "Failed"}}, accept},
			"involvedObject.kind=Pod,reason!=Killing",
		},
		"values are escaped": {
			[]Rule{{Name: []string{`a,b=c\d`}, Action: Accept}}, `involvedObject.name=a\,b\=c\\d`,
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
	if got := l.Selector(); got.Matches(selectableFields(eventtest.BackOff())) || got.Empty() {
		t.Errorf("got %q", got)
	}
}

func TestSelectorIsBounded(t *testing.T) {
	rules := make([]Rule, 0, 1001)
	for i := range 1000 {
		rules = append(rules, Rule{Reasons: []string{fmt.Sprintf("Reason%d", i)}})
	}
	selector := mustCompile(t, append(rules, Rule{Kind: []string{"Pod"}, Action: Accept})...).Selector().String()
	if got := strings.Count(selector, "!="); got != maxExclusions {
		t.Errorf("%d exclusions in %s", got, selector)
	}
}
