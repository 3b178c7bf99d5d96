package filter

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// fact is one thing about an Event that a text condition looks at.
type fact uint8

// The facts, in the order in which explanations name them.
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

// facts holds one Event's value for each fact.
type facts [factCount]string

// factsOf reads the facts of one Event.
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

// String returns the word for f in explanations.
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
