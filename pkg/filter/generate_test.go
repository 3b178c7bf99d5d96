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
// steer it. Values come from small sets, because otherwise few filters would match
// an Event. When no bytes are left, every choice is the first.
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
	own := g.conditions()
	r := Rule{
		Namespace: own.Namespace, Scope: own.Scope, Kind: own.Kind, Name: own.Name, Type: own.Type, Component: own.Component,
		Reasons: own.Reasons, Expression: own.Expression,
		Action: Action(g.number(2)),
	}
	if g.number(3) == 0 {
		except := g.conditions()
		if compiled := conditionsOf(&except); compiled.open() && except.Expression == "" {
			except.Kind = []string{"Pod"} // one without conditions is refused
		}
		r.Except = &except
	}
	if r.Action == Accept {
		r.Project = "p"
	}
	return r
}

// conditions returns valid conditions.
func (g *generator) conditions() Except {
	c := Except{
		Namespace:  g.list("", "", "pequod", "kube-system", "*", "p*", "?equod", "pequo?*"),
		Scope:      Scope(g.pick("", "", "", "Cluster", "Namespaced")),
		Kind:       g.list("", "Pod", "Pod", "Node", "*od*", "P*", "Po*"),
		Name:       g.list("", "", "", "web-0", "web-*", "web-1*", "*-0", "we?-0", "w*-*"),
		Type:       g.list("", "", "", "Normal", "Warning", "W*"),
		Component:  g.list("", "", "", "kubelet", "kube*"),
		Expression: g.pick("", "", "", "", "", "count > 2", "event.message.contains('x')", "event.series.count > 1 / (count - 1)"),
	}
	if namespace := newAnyOf(c.Namespace...); c.Scope == ClusterScope && len(namespace) > 0 {
		c.Namespace = nil // what cannot match is refused
	}
	for range g.number(3) {
		c.Reasons = append(c.Reasons, g.pick("Killing", "BackOff", "Back*", "*", "Failed", "Fa*", "*ll*"))
	}
	return c
}

// list returns none of the choices, one, or two.
func (g *generator) list(choices ...string) []string {
	first := g.pick(choices...)
	if first == "" {
		return nil
	}
	if second := g.pick(choices...); second != "" && g.number(3) == 0 {
		return []string{first, second}
	}
	return []string{first}
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

// matchesByTheBook is a second opinion on whether text conditions hold, as
// plain as can be.
func matchesByTheBook(c Except, e *corev1.Event) bool {
	component := e.Source.Component
	if component == "" {
		component = e.ReportingController
	}
	scope := c.Scope == AnyScope || (c.Scope == ClusterScope) == (e.InvolvedObject.Namespace == "")
	return scope &&
		anyByTheBook(c.Reasons, e.Reason) && anyByTheBook(c.Namespace, e.InvolvedObject.Namespace) &&
		anyByTheBook(c.Kind, e.InvolvedObject.Kind) && anyByTheBook(c.Name, e.InvolvedObject.Name) &&
		anyByTheBook(c.Type, e.Type) && anyByTheBook(c.Component, component)
}

// anyByTheBook compares a list of globs.
func anyByTheBook(patterns []string, value string) bool {
	matched := len(patterns) == 0
	for _, pattern := range patterns {
		matched = matched || globByTheBook(pattern, value)
	}
	return matched
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
