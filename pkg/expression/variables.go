package expression

import (
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// The names under which cel-go knows the Go types an Event is made of: the
// last part of the package path and the type's name.
const (
	eventTypeName     = "v1.Event"
	objectTypeName    = "v1.ObjectReference"
	metadataTypeName  = "v1.ObjectMeta"
	timeTypeName      = "v1.Time"
	microTimeTypeName = "v1.MicroTime"
)

// eventTypes is cel-go's view of the Go types, corrected in two ways.
//
// Times are CEL timestamps. Natively metav1.Time is a struct without fields,
// with which an expression could do nothing.
//
// Fields are those of an Event's JSON as the gateway has it. Natively those of
// embedded structs are promoted, so that event.namespace would quietly be
// metadata.namespace and event.kind the Event's own kind, and managedFields
// would be there although the gateway drops them while it reads.
type eventTypes struct {
	types.Provider
}

// FindStructFieldType returns how to read a field, and false where expressions
// are not to see it.
func (t *eventTypes) FindStructFieldType(structType, field string) (*types.FieldType, bool) {
	if hidden(structType, field) {
		return nil, false
	}
	native, ok := t.Provider.FindStructFieldType(structType, field)
	if !ok {
		return nil, false
	}
	switch native.Type.TypeName() {
	case timeTypeName, microTimeTypeName:
		return timestampField(native), true
	default:
		return native, true
	}
}

// FindStructFieldNames returns the fields that expressions are to see, sorted.
func (t *eventTypes) FindStructFieldNames(structType string) ([]string, bool) {
	names, ok := t.Provider.FindStructFieldNames(structType)
	if !ok {
		return nil, false
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return hidden(structType, name) })
	slices.Sort(names)
	return names, true
}

// hidden reports whether expressions are not to see a field.
func hidden(structType, field string) bool {
	switch structType {
	case eventTypeName:
		return !slices.Contains([]string{
			"action", "count", "eventTime", "firstTimestamp", "involvedObject", "lastTimestamp", "message", "metadata",
			"reason", "related", "reportingComponent", "reportingInstance", "series", "source", "type",
		}, field)
	case metadataTypeName:
		return field == "managedFields"
	default:
		return false
	}
}

// timestampField turns a field that holds a metav1 time into one that holds a
// CEL timestamp. A time that is not set reads as 0001-01-01T00:00:00Z, and
// has() tells it from one that is.
func timestampField(native *types.FieldType) *types.FieldType {
	return &types.FieldType{
		Type:  cel.TimestampType,
		IsSet: native.IsSet,
		GetFrom: func(object any) (any, error) {
			value, err := native.GetFrom(object)
			if err != nil {
				return nil, err
			}
			return types.Timestamp{Time: timeOf(value).UTC()}, nil
		},
	}
}

// timeOf returns the time inside a metav1 time, and the zero time for a nil
// one.
func timeOf(value any) time.Time {
	switch t := value.(type) {
	case metav1.Time:
		return t.Time
	case *metav1.Time:
		if t != nil {
			return t.Time
		}
	case metav1.MicroTime:
		return t.Time
	case *metav1.MicroTime:
		if t != nil {
			return t.Time
		}
	}
	return time.Time{}
}
