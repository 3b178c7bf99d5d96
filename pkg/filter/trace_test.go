package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event/eventtest"
)

func TestTrace(t *testing.T) {
	l := mustCompile(t,
		Rule{Namespace: []string{"kube-system"}},
		Rule{Reasons: []string{"Killing", "Failed*"}},
		Rule{Kind: []string{"Pod"}, Name: []string{"db-*"}},
		Rule{Type: []string{"Normal"}},
		Rule{Component: []string{"kube-proxy"}},
		Rule{Expression: "count > 100"},
		Rule{Scope: ClusterScope},
		Rule{Expression: `event.metadata.labels["team"] == "ahab"`, Action: Accept},
		Rule{Kind: []string{"Pod"}, Namespace: []string{"pequod"}, Action: Accept},
		Rule{},
	)
	want := []Step{
		{By: "filters[0]", Why: `namespace is "pequod", not "kube-system"`},
		{By: "filters[1]", Why: `reason is "BackOff", not "Killing" or "Failed*"`},
		{By: "filters[2]", Why: `name is "web-0", not "db-*"`},
		{By: "filters[3]", Why: `type is "Warning", not "Normal"`},
		{By: "filters[4]", Why: `component is "kubelet", not "kube-proxy"`},
		{By: "filters[5]", Why: "expression is false"},
		{By: "filters[6]", Why: `scope is "Namespaced", not "Cluster"`},
		{By: "filters[7]", Why: "expression failed, filter did not match: no such key: team"},
		{By: "filters[8]", Matched: true},
	}
	if diff := cmp.Diff(want, l.Trace(eventtest.BackOff())); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestTraceSaysWhichExpressionFailedAndRejected(t *testing.T) {
	l := mustCompile(t, Rule{Expression: `event.metadata.labels["team"] == "ahab"`}, Rule{Action: Accept})
	want := []Step{{By: "filters[0]", Matched: true, Why: "expression failed, event rejected: no such key: team"}}
	if diff := cmp.Diff(want, l.Trace(eventtest.BackOff())); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
