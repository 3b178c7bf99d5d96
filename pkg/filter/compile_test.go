package filter

import (
	"testing"
	"time"
)

func TestCompileReportsEveryFlaw(t *testing.T) {
	for name, test := range map[string]struct {
		rules []Rule
		want  string
	}{
		"an unknown type": {
			[]Rule{{Type: []string{"warning"}}},
			`filters[0].type[0]: unknown type "warning"; allowed are Normal and Warning`,
		},
		"an unknown scope": {
			[]Rule{{Scope: "cluster"}},
			`filters[0].scope: unknown scope "cluster"; allowed are Cluster and Namespaced`,
		},
		"a namespace of objects that have none": {
			[]Rule{{Scope: ClusterScope, Namespace: []string{"pequ*"}}, {Scope: ClusterScope, Namespace: []string{"*"}}},
			`filters[0].scope: the filter matches no Event: an object in namespace "pequ*" is not cluster-scoped; remove scope or namespace`,
		},
		"an empty reason": {
			[]Rule{{}, {Reasons: []string{"Killing", ""}}},
			`filters[1].reasons[1]: empty reason; name one, write * for any, or remove the entry`,
		},
		"an action out of range": {
			[]Rule{{Action: 7}},
			`filters[0].action: unknown action Action(7); allowed are accept and reject`,
		},
		"what only makes sense for an accept": {
			[]Rule{{Project: "p", OncePer: OncePer{Occurrence: true}}},
			`filters[0].oncePer: a filter that rejects starts no builds; remove oncePer, or accept; ` +
				`filters[0].project: a filter that rejects builds no project; remove project, or accept`,
		},
		"a window and every occurrence at once": {
			[]Rule{{Action: Accept, OncePer: OncePer{Window: time.Minute, Occurrence: true}}},
			`filters[0].oncePer: a window and occurrence at once; choose one`,
		},
		"text that no Event can have": {
			[]Rule{{Kind: []string{"Po\xff"}}, {Reasons: []string{"\xff"}}},
			`filters[0].kind[0]: "Po\xff" is not valid UTF-8; filters[1].reasons[0]: "\xff" is not valid UTF-8`,
		},
		"flaws of several filters": {
			[]Rule{{Type: []string{"Error"}}, {Expression: "count"}},
			`filters[0].type[0]: unknown type "Error"; allowed are Normal and Warning; ` +
				`filters[1].expression: yields int; a filter's expression must yield bool`,
		},
		"more filters than a list may have": {
			make([]Rule, MaxRules+1),
			`filters[4096]: 4097 filters; at most 4096 are allowed, use globs and lists`,
		},
		"more values than a list may name": {
			[]Rule{{Reasons: manyReasons(MaxGlobs)}, {Kind: []string{"Pod"}}},
			`filters[1]: the filters up to here name 16385 values; at most 16384 are allowed, use globs`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Compile(test.rules)
			if err == nil || err.Error() != test.want || l != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// manyReasons returns n reasons.
func manyReasons(n int) []string {
	reasons := make([]string, n)
	for i := range reasons {
		reasons[i] = "Killing"
	}
	return reasons
}
