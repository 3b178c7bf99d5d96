package filter

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// generator makes filter lists and Events out of bytes, so that a fuzzer can
// steer it. Values come from small sets, else hardly any filter would match
// any Event. Without bytes left every choice is the first.
type generator struct {
	data []byte
}

// randomBytes returns bytes for a generator that are the same in every run.
func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 4711))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// pick returns one of the choices.
func (g *generator) pick(choices ...string) string {
	return choices[g.number(len(choices))]
}

// number returns a number from 0 to below n.
func (g *generator) number(n int) int {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return int(b) % n
}

// rules returns up to seven rules.
func (g *generator) rules() []Rule {
	rules := make([]Rule, g.number(8))
	for i := range rules {
		rules[i] = g.rule()
	}
	return rules
}

// rule returns one valid rule.
func (g *generator) rule() Rule {
	r := Rule{
		Namespace:  g.pick("", "", "pequod", "kube-system", "*", "p*", "?equod", "pequo?*"),
		Scope:      Scope(g.pick("", "", "", "Cluster", "Namespaced")),
		Kind:       g.pick("", "Pod", "Pod", "Node", "*od*", "P*", "Po*"),
		Name:       g.pick("", "", "", "web-0", "web-*", "web-1*", "*-0", "we?-0", "w*-*"),
		Type:       g.pick("", "", "", "Normal", "Warning"),
		Component:  g.pick("", "", "", "kubelet", "kube*"),
		Expression: g.pick("", "", "", "", "", "count > 2", "event.message.contains('x')", "event.series.count > 1 / (count - 1)"),
		Action:     Action(g.number(2)),
	}
	if r.Scope == ClusterScope && r.Namespace != "*" {
		r.Namespace = "" // any other is refused
	}
	for range g.number(3) {
		r.Reasons = append(r.Reasons, g.pick("Killing", "BackOff", "Back*", "*", "Failed", "Fa*", "*ll*"))
	}
	if r.Action == Accept {
		r.Project = "p"
	}
	return r
}

// event returns an Event.
func (g *generator) event() *corev1.Event {
	e := &corev1.Event{
		InvolvedObject: corev1.ObjectReference{
			Namespace: g.pick("pequod", "kube-system", "", "default", "pequods"),
			Kind:      g.pick("Pod", "Node", "Job", "PodGroup"),
			Name:      g.pick("web-0", "web-1", "web-10", "db-0", ""),
		},
		Reason:  g.pick("Killing", "BackOff", "Failed", "Pulled", ""),
		Type:    g.pick("Normal", "Warning", ""),
		Count:   int32(g.number(5)),
		Message: g.pick("x", "y"),
	}
	component := g.pick("kubelet", "kube-scheduler", "other", "")
	if g.number(2) == 0 {
		e.Source.Component = component
	} else {
		e.ReportingController = component
	}
	return e
}

// matchesByTheBook is a second opinion on whether a rule's text conditions
// hold, as plain as can be.
func matchesByTheBook(r Rule, e *corev1.Event) bool {
	component := e.Source.Component
	if component == "" {
		component = e.ReportingController
	}
	reason := len(r.Reasons) == 0
	for _, pattern := range r.Reasons {
		reason = reason || globByTheBook(pattern, e.Reason)
	}
	scope := r.Scope == AnyScope || (r.Scope == ClusterScope) == (e.InvolvedObject.Namespace == "")
	return reason && scope &&
		(r.Namespace == "" || globByTheBook(r.Namespace, e.InvolvedObject.Namespace)) &&
		(r.Kind == "" || globByTheBook(r.Kind, e.InvolvedObject.Kind)) &&
		(r.Name == "" || globByTheBook(r.Name, e.InvolvedObject.Name)) &&
		(r.Type == "" || r.Type == e.Type) &&
		(r.Component == "" || globByTheBook(r.Component, component))
}

// globByTheBook compares a glob as a regular expression.
func globByTheBook(pattern, value string) bool {
	var expr strings.Builder
	for _, r := range pattern {
		switch r {
		case '*':
			expr.WriteString(".*")
		case '?':
			expr.WriteString(".")
		default:
			expr.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(`(?s)\A` + expr.String() + `\z`).MatchString(value)
}

// selectableFields is what the API server compares a field selector with, from
// ToSelectableFields in k8s.io/kubernetes/pkg/registry/core/event/strategy.go.
func selectableFields(e *corev1.Event) fields.Set {
	source := e.Source.Component
	if source == "" {
		source = e.ReportingController
	}
	return fields.Set{
		"involvedObject.kind":      e.InvolvedObject.Kind,
		"involvedObject.namespace": e.InvolvedObject.Namespace,
		"involvedObject.name":      e.InvolvedObject.Name,
		"reason":                   e.Reason,
		"reportingComponent":       e.ReportingController,
		"source":                   source,
		"type":                     e.Type,
	}
}

// mustCompile compiles rules that are known to be valid.
func mustCompile(t testing.TB, rules ...Rule) *List {
	t.Helper()
	l, err := Compile(rules)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return l
}
