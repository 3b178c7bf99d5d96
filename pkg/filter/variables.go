package filter

import (
	"cel.dev/cel-go/cel"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// The names that expressions can refer to. The Event is there whole, with the
// names of its JSON; the others are facts that two generations of Event writers
// put in different fields, as pkg/event tells them.
const (
	varEvent     = "event"
	varOccurred  = "occurred"
	varCount     = "count"
	varComponent = "component"
)

// variables declares the names and their types.
func variables() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable(varEvent, cel.ObjectType(eventTypeName)),
		cel.Variable(varOccurred, cel.TimestampType),
		cel.Variable(varCount, cel.IntType),
		cel.Variable(varComponent, cel.StringType),
	}
}

// activation gives an expression the values of its variables for one Event. A
// value is worked out only where the expression asks for it.
type activation struct {
	event *corev1.Event
}

// ResolveName returns the value of a variable. It is cel-go's half of the
// bargain that variables declares.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case varEvent:
		return a.event, true
	case varOccurred:
		return event.Occurred(a.event).UTC(), true
	case varCount:
		return int64(event.Count(a.event)), true
	case varComponent:
		return event.Component(a.event), true
	default:
		return nil, false
	}
}

// Parent returns nil: there is no outer scope.
func (a *activation) Parent() cel.Activation {
	return nil
}
