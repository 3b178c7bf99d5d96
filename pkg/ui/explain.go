package ui

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// explanation is one Event, and the steps to the verdict of a list on it.
type explanation struct {
	Event *corev1.Event `json:"event"`
	// Recorded is what was decided when the Event was seen.
	Recorded decider `json:"recorded"`
	// Runs is whether the list in the request has no faults. If it has, the current
	// list is explained.
	Runs bool `json:"runs"`
	decider
	ProjectID string `json:"projectID,omitempty"`
	BuildID   string `json:"buildID,omitempty"`
	Steps     []step `json:"steps"`
	// Fields are the facts that a filter for this Event can use.
	Fields []field `json:"fields"`
}

// step is a filter that was tried, or the rule before the filters that decided.
type step struct {
	By      string `json:"by"`
	Matched bool   `json:"matched"`
	// Why is the first condition that did not hold, or the reason of the rule.
	Why string `json:"why,omitempty"`
}

// explain explains what the list in a request decides on its Event.
func (u *UI) explain(_ context.Context, q request) (any, error) {
	x, err := u.event(q)
	if err != nil {
		return nil, err
	}
	list, _, _ := u.state()
	if edited, err := config.Parse(list.Name, q.list); err == nil {
		return u.explanationOf(x, edited, true), nil
	}
	return u.explanationOf(x, list.Config, false), nil
}

// explanationOf explains what a list decides on an Event.
func (u *UI) explanationOf(x *entry, c *config.Config, runs bool) explanation {
	explainer := u.explainer(c)
	explained := explainer.Explain(x.event)
	v := explained.Verdict
	out := explanation{
		Event:     withKind(x.event),
		Recorded:  deciderOf(x.verdict),
		Runs:      runs,
		decider:   deciderOf(v),
		ProjectID: explained.ProjectID,
		BuildID:   explained.BuildID,
		Steps:     []step{},
		Fields:    fieldsOf(x.event),
	}
	for _, s := range explainer.Decider.Trace(x.event) {
		out.Steps = append(out.Steps, step{By: s.By, Matched: s.Matched, Why: s.Why})
	}
	return out
}

func deciderOf(v filter.Verdict) decider {
	return decider{Verdict: v.Action.String(), By: v.By, Project: v.Project, Destination: v.Destination}
}

// withKind returns a copy of e that says what it is, as kubectl prints it.
func withKind(e *corev1.Event) *corev1.Event {
	out := *e
	out.APIVersion, out.Kind = corev1.SchemeGroupVersion.String(), "Event"
	return &out
}

// field is a fact of an Event that a filter can match.
type field struct {
	// Key is the filter's key.
	Key string `json:"key"`
	// Value is what this Event has.
	Value string `json:"value"`
	// Glob matches this Event and others of its kind: the pods of the same
	// owner. Empty if there are none.
	Glob string `json:"glob,omitempty"`
	// Keep is whether most filters of this kind have it.
	Keep bool `json:"keep"`
}

// clusterScope returns the scope of an object without a namespace.
func clusterScope(e *corev1.Event) string {
	if e.InvolvedObject.Namespace == "" {
		return "Cluster"
	}
	return ""
}

// fieldsOf returns the facts that a filter for an Event like e can use.
func fieldsOf(e *corev1.Event) []field {
	all := []field{
		{Key: "namespace", Value: e.InvolvedObject.Namespace, Keep: true},
		{Key: "scope", Value: clusterScope(e), Keep: true},
		{Key: "kind", Value: e.InvolvedObject.Kind, Keep: true},
		{Key: "name", Value: e.InvolvedObject.Name, Glob: ownerGlob(e.InvolvedObject.Name)},
		{Key: "reason", Value: e.Reason, Keep: true},
		{Key: "type", Value: e.Type},
		{Key: "component", Value: event.Component(e)},
	}
	out := make([]field, 0, len(all))
	for _, f := range all {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}
