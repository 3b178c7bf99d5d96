package ui

import (
	"net/url"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

func TestSuggestAddsAFilterThatDecides(t *testing.T) {
	for name, tc := range map[string]struct {
		list   string
		event  *corev1.Event
		keep   url.Values
		action string
		want   string
		line   int
		by     string
		note   string
	}{
		"an empty list": {
			list: "", keep: url.Values{"kind": {"Pod"}, "reason": {"BackOff"}}, action: "accept",
			want: `project: deis/empty-testbed
filters:
  - kind: Pod
    reasons: [BackOff]
    action: accept
`, line: 3, by: "filters[0]",
		},
		"a list without a line break at its end": {
			list: "project: a/b", keep: url.Values{"kind": {"Pod"}}, action: "accept",
			want: `project: a/b
filters:
  - kind: Pod
    action: accept
`, line: 3, by: "filters[0]",
		},
		"filters: []": {
			list: "# mine\nproject: a/b # ours\nfilters: []\n", keep: url.Values{"kind": {"Pod"}}, action: "accept",
			want: `# mine
project: a/b # ours
filters:
  - kind: Pod
    action: accept
`, line: 4, by: "filters[0]",
		},
		"at the end, where no filter matches": {
			list: "filters:\n- kind: Node\n  action: reject\n\nproject: a/b\n", keep: url.Values{"namespace": {"pequod"}}, action: "accept",
			want: `filters:
- kind: Node
  action: reject
- namespace: pequod
  action: accept

project: a/b
`, line: 4, by: "filters[1]",
		},
		"ahead of the filter that decides, and of its comment": {
			list: `project: a/b
filters:
  # Nodes are not ours.
  - kind: Node
    action: reject

  # Nor are pods,
  # none of them.
  - kind: Pod # really
    action: reject

  - action: reject
`, keep: url.Values{"name": {"web-*"}, "component": {"kubelet"}, "type": {"Normal"}}, action: "accept",
			want: `project: a/b
filters:
  # Nodes are not ours.
  - kind: Node
    action: reject

  - name: web-*
    type: Normal
    component: kubelet
    action: accept

  # Nor are pods,
  # none of them.
  - kind: Pod # really
    action: reject

  - action: reject
`, line: 7, by: "filters[1]",
		},
		"behind an expression of several lines": {
			list: `project: a/b
filters:
  - action: reject
    expression: |
      event.reason == "Killing"

      && event.type == "Warning"
# the end
`, keep: url.Values{"kind": {"Pod"}}, action: "reject",
			want: `project: a/b
filters:
  - action: reject
    expression: |
      event.reason == "Killing"

      && event.type == "Warning"
  - kind: Pod
    action: reject
# the end
`, line: 8, by: "filters[1]",
		},
		"a list in JSON": {
			list: `{"project": "a/b", "filters": [{"kind": "Pod", "action": "reject"}]}`, keep: url.Values{"kind": {"Pod"}, "name": {"web-0"}}, action: "accept",
			want: `"project": "a/b"
"filters":
  - kind: Pod
    name: web-0
    action: accept
  - {"kind": "Pod", "action": "reject"}
`, line: 3, by: "filters[0]",
		},
		"values that YAML would read as something else": {
			list: "project: a/b\n", event: newEvent(0, "pequod", "yes", "no: 7, [x]"), keep: url.Values{"name": {"yes"}, "reason": {"no: 7, [x]"}}, action: "accept",
			want: `project: a/b
filters:
  - name: "yes"
    reasons: ['no: 7, [x]']
    action: accept
`, line: 3, by: "filters[0]",
		},
		"values written by a stranger": {
			list: "project: a/b\n", event: newEvent(0, "pequod", "x", "a\naction: accept\n\u202e\x07"), keep: url.Values{"reason": {"a\naction: accept\n\u202e\x07"}}, action: "reject",
			want: `project: a/b
filters:
  - reasons: ["a\naction: accept\n\u202E\a"]
    action: reject
`, line: 3, by: "filters[0]",
		},
		"conditions that do not match the Event": {
			list: "project: a/b\n", keep: url.Values{"kind": {"Node"}}, action: "accept",
			want: `project: a/b
filters:
  - kind: Node
    action: accept
`, line: 3, by: "filters[0]", note: "This filter does not match the Event it was made from.",
		},
		"every key of a filter": {
			list: "project: a/b\n", keep: url.Values{
				"id": {"crash-loops"}, "namespace": {"pequod"}, "kind": {"Pod"}, "name": {"web-*"}, "reason": {"BackOff"},
				"type": {"Normal"}, "component": {"kubelet"}, "expression": {"count < 5"},
				"except.namespace": {"kube-*"}, "except.kind": {"Node"}, "except.name": {"*-canary"}, "except.reason": {"Killing"},
				"except.type": {"Warning"}, "except.component": {"browser"}, "except.expression": {"count > 3"},
				"project": {"c/d"}, "commitRef": {"refs/heads/main"}, "logLevel": {"info"}, "oncePer": {"10m"}, "groupBy": {"namespace", "reason"},
			}, action: "accept",
			want: `project: a/b
filters:
  - id: crash-loops
    namespace: pequod
    kind: Pod
    name: web-*
    reasons: [BackOff]
    type: Normal
    component: kubelet
    expression: count < 5
    except:
      namespace: kube-*
      kind: Node
      name: '*-canary'
      reasons: [Killing]
      type: Warning
      component: browser
      expression: count > 3
    action: accept
    project: c/d
    commitRef: refs/heads/main
    logLevel: info
    oncePer: 10m
    groupBy: [namespace, reason]
`, line: 3, by: "crash-loops",
		},
		"another destination": {
			list: "destinations:\n  - name: knative\n    cloudEvents: {url: http://broker}\n", keep: url.Values{"kind": {"Pod"}, "destination": {"knative"}}, action: "accept",
			want: "destinations:\n  - name: knative\n    cloudEvents: {url: http://broker}\nfilters:\n  - kind: Pod\n    action: accept\n    destination: knative\n", line: 5, by: "filters[0]",
		},
		"a destination that the list has not": {
			list: "project: a/b\n", keep: url.Values{"kind": {"Pod"}, "destination": {"tekton"}}, action: "accept",
			want: "project: a/b\nfilters:\n  - kind: Pod\n    action: accept\n    destination: tekton\n", line: 3, by: "filters[0]",
			note: `destination: "tekton" is not in destinations, because the file has none`,
		},
		"one build for all Events of a window": {
			list: "project: a/b\n", keep: url.Values{"oncePer": {"1h"}, "groupBy": {""}}, action: "accept",
			want: "project: a/b\nfilters:\n  - action: accept\n    oncePer: 1h\n    groupBy: []\n", line: 3, by: "filters[0]",
		},
		"a filter that rejects has nothing about builds": {
			list: "project: a/b\n", keep: url.Values{"id": {"quiet"}, "oncePer": {"1h"}, "groupBy": {""}, "project": {"c/d"}, "commitRef": {"main"}, "logLevel": {"info"}}, action: "reject",
			want: "project: a/b\nfilters:\n  - id: quiet\n    action: reject\n", line: 3, by: "quiet",
		},
		"a value that the filter language refuses": {
			list: "project: a/b\n", keep: url.Values{"kind": {"Pod"}, "oncePer": {"often"}}, action: "accept",
			want: "project: a/b\nfilters:\n  - kind: Pod\n    action: accept\n    oncePer: often\n", line: 3, by: "filters[0]",
			note: `oncePer: "often" is neither a duration nor occurrence; write for example 30s, 10m, 1h30m or occurrence`,
		},
		"an exception that holds for the Event": {
			list: "project: a/b\n", keep: url.Values{"kind": {"Pod"}, "except.name": {"web-*"}}, action: "accept",
			want: "project: a/b\nfilters:\n  - kind: Pod\n    except:\n      name: web-*\n    action: accept\n", line: 3, by: "filters[0]",
			note: "This filter does not match the Event it was made from.",
		},
		"an Event of a build": {
			list: "project: a/b\n", event: newEvent(0, "brigade", "brigade-worker-01m87ygwzg0s63ye90nvmbky3a", "Started"), keep: url.Values{"kind": {"Pod"}}, action: "accept",
			want: `project: a/b
filters:
  - kind: Pod
    action: accept
`, line: 3, by: "filters[0]", note: "No filter decides about this Event: it is rejected ahead of all filters, as the trace says.",
		},
		"a list that lacks its project": {
			list: "filters: []\n", keep: url.Values{"kind": {"Pod"}}, action: "accept",
			want: `filters:
  - kind: Pod
    action: accept
`, line: 2, by: "filters[0]", note: "project: no project to build; set project here, or at the top of the file for all filters, or a destination",
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newTestUI(t)
			if tc.event == nil {
				tc.event = newEvent(0, "pequod", "web-0", "BackOff")
			}
			see(u, tc.event)
			tc.keep.Set("event", "1")
			tc.keep.Set("action", tc.action)
			got := postFor[suggestion](t, u, "/api/suggest?"+tc.keep.Encode(), tc.list)
			if got.Text != tc.want || got.Line != tc.line || got.By != tc.by || got.Note != tc.note {
				t.Errorf("line %d, by %s, note %q:\n%s\nwant line %d, by %s, note %q:\n%s", got.Line, got.By, got.Note, got.Text, tc.line, tc.by, tc.note, tc.want)
			}
			if got.Decides != (tc.note == "") {
				t.Errorf("decides %v, note %q", got.Decides, got.Note)
			}
			if line := strings.Split(got.Text, "\n")[got.Line-1]; !strings.HasPrefix(strings.TrimSpace(line), "- ") {
				t.Errorf("line %d is %q, want the first one of the filter", got.Line, line)
			}
		})
	}
}

// An added filter decides as the suggestion reports, at any index.
func TestSuggestDecidesInEveryExample(t *testing.T) {
	for _, list := range []string{pods, manyFilters(20), "project: a/b\nfilters:\n  -\n    kind: Pod\n    action: reject\n  - # all\n    action: reject\n"} {
		for _, e := range []*corev1.Event{newEvent(0, "pequod", "web-0", "BackOff"), newEvent(1, "ahab", "a*b?", "Killing"), newEvent(2, "team-3-x", "0x10", "null")} {
			for _, action := range []filter.Action{filter.Accept, filter.Reject} {
				u := newTestUI(t)
				keep := url.Values{"namespace": {e.InvolvedObject.Namespace}, "name": {e.InvolvedObject.Name}, "reason": {e.Reason}}
				got, err := u.suggestion(e, list, newFilterNode(keep, action))
				if err != nil {
					t.Fatal(err)
				}
				c, err := config.Parse("", []byte(got.Text))
				if err != nil {
					t.Fatalf("%v\n%s", err, got.Text)
				}
				if v := c.Filters.Decide(e); v.Action != action || v.By != got.By || !got.Decides {
					t.Errorf("%s by %s, want %s by %s, with\n%s", v.Action, v.By, action, got.By, got.Text)
				}
			}
		}
	}
}

func TestOwnerGlobFindsTheOwner(t *testing.T) {
	for name, want := range map[string]string{
		"web-7d9c6f5b8d-x2x9k": "web-*",
		"fluentd-x2x9k":        "fluentd-*",
		"postgres-0":           "postgres-*",
		"nightly-28491230":     "nightly-*",
		"web":                  "",
		"web-main":             "",
		"node-1.example":       "",
		"-":                    "",
		"a-":                   "",
		"":                     "",
	} {
		if got := ownerGlob(name); got != want {
			t.Errorf("ownerGlob(%q) = %q, want %q", name, got, want)
		}
	}
}
