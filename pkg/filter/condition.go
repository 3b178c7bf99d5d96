package filter

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// fact is a property of an Event that has a text condition.
type fact uint8

// The facts, in the order in which a trace checks them.
const (
	factNamespace fact = iota
	factKind
	factScope
	factReason
	factName
	factType
	factComponent
	factCount
)

// facts has the value of each fact of one Event.
type facts [factCount]string

func factsOf(e *corev1.Event) facts {
	return facts{
		factNamespace: e.InvolvedObject.Namespace,
		factScope:     string(scopeOf(e.InvolvedObject.Namespace)),
		factKind:      e.InvolvedObject.Kind,
		factReason:    e.Reason,
		factName:      e.InvolvedObject.Name,
		factType:      e.Type,
		factComponent: event.Component(e),
	}
}

// String returns the name of f in traces, and in groupBy.
func (f fact) String() string {
	switch f {
	case factNamespace:
		return "namespace"
	case factScope:
		return "scope"
	case factKind:
		return "kind"
	case factReason:
		return "reason"
	case factName:
		return "name"
	case factType:
		return "type"
	case factComponent:
		return "component"
	default:
		return "unknown"
	}
}

// anyOf is a text condition. It holds if one of its globs matches, or if it has
// none.
type anyOf []glob

// conditions has the text condition of each fact.
type conditions [factCount]anyOf

func conditionsOf(c *Except) conditions {
	return conditions{
		factNamespace: newAnyOf(c.Namespace...),
		factScope:     newAnyOf(string(c.Scope)),
		factKind:      newAnyOf(c.Kind...),
		factReason:    newAnyOf(c.Reasons...),
		factName:      newAnyOf(c.Name...),
		factType:      newAnyOf(c.Type...),
		factComponent: newAnyOf(c.Component...),
	}
}

// open reports whether all conditions always hold.
func (c *conditions) open() bool {
	for _, condition := range c {
		if len(condition) > 0 {
			return false
		}
	}
	return true
}

// newAnyOf compiles globs. An empty glob is a key that was not set. With a glob
// that matches anything, the condition always holds.
func newAnyOf(texts ...string) anyOf {
	var globs anyOf
	for _, text := range texts {
		if text == "" {
			continue
		}
		g := newGlob(text)
		if g.form == anything {
			return nil
		}
		globs = append(globs, g)
	}
	return globs
}

// matches reports whether the condition holds for value.
func (c anyOf) matches(value string) bool {
	if len(c) == 0 {
		return true
	}
	for _, g := range c {
		if g.matches(value) {
			return true
		}
	}
	return false
}

// covers reports whether c provably holds for all values for which other holds.
func (c anyOf) covers(other anyOf) bool {
	if len(c) == 0 {
		return true
	}
	if len(other) == 0 {
		return false
	}
	for _, o := range other {
		if !c.coversGlob(o) {
			return false
		}
	}
	return true
}

// coversGlob reports whether one of c's globs covers g.
func (c anyOf) coversGlob(g glob) bool {
	for _, own := range c {
		if own.covers(g) {
			return true
		}
	}
	return false
}

// implied returns c with the scope that its namespace implies: if the namespace
// cannot be empty, the object is namespaced.
func (c *conditions) implied() conditions {
	out := *c
	if namespace := c[factNamespace]; len(namespace) > 0 && !namespace.matches("") {
		out[factScope] = newAnyOf(string(NamespacedScope))
	}
	return out
}

// exactly returns the only value for which c holds, and false if there may be
// more than one.
func (c anyOf) exactly() (string, bool) {
	if len(c) == 0 {
		return "", false
	}
	for _, g := range c {
		if g.form != exact || g.text != c[0].text {
			return "", false
		}
	}
	return c[0].text, true
}

// covers reports whether all conditions of c provably hold for all Events for
// which those of other hold.
func (c *conditions) covers(other *conditions) bool {
	for f := range c {
		if !c[f].covers(other[f]) {
			return false
		}
	}
	return true
}
