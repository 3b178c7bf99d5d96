package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrace(t *testing.T) {
	l := mustCompile(t,
		Rule{Namespace: "kube-system"},
		Rule{Reasons: []string{"Killing", "Failed*"}},
		Rule{Kind: "Pod", Name: "db-*"},
		Rule{Type: "Normal"},
		Rule{Component: "kube-proxy"},
		Rule{Expression: "count > 100"},
		Rule{Expression: `event.metadata.labels["team"] == "ahab"`},
		Rule{Kind: "Pod", Namespace: "pequod", Action: Accept},
		Rule{},
	)
	want := []Step{
		{By: "filters[0]", Failed: `namespace is "pequod", not "kube-system"`},
		{By: "filters[1]", Failed: `reason is "BackOff", not "Killing" or "Failed*"`},
		{By: "filters[2]", Failed: `name is "web-0", not "db-*"`},
		{By: "filters[3]", Failed: `type is "Warning", not "Normal"`},
		{By: "filters[4]", Failed: `component is "kubelet", not "kube-proxy"`},
		{By: "filters[5]", Failed: "expression is false"},
		{By: "filters[6]", Failed: "expression failed: no such key: team"},
		{By: "filters[7]", Matched: true},
	}
	if diff := cmp.Diff(want, l.Trace(backOff())); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
