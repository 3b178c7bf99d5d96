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

// The variables of expressions. event is the whole Event, with the field names of
// its JSON. The others are facts of pkg/event, because reporters of core/v1 and
// events.k8s.io/v1 set different fields for them.
const (
	varEvent     = "event"
	varOccurred  = "occurred"
	varCount     = "count"
	varComponent = "component"
)

// variables declares the variables and their types.
func variables() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable(varEvent, cel.ObjectType(eventTypeName)),
		cel.Variable(varOccurred, cel.TimestampType),
		cel.Variable(varCount, cel.IntType),
		cel.Variable(varComponent, cel.StringType),
	}
}

// activation has the values of the variables for one Event. A value is computed
// when the expression reads it.
type activation struct {
	event *corev1.Event
}

// ResolveName returns the value of a variable.
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

// Parent returns nil, because there is no outer scope.
func (a *activation) Parent() cel.Activation {
	return nil
}

// The names that cel-go gives the Go types of an Event: the last part of the
// package path and the name of the type.
const (
	eventTypeName     = "v1.Event"
	objectTypeName    = "v1.ObjectReference"
	metadataTypeName  = "v1.ObjectMeta"
	timeTypeName      = "v1.Time"
	microTimeTypeName = "v1.MicroTime"
)

// eventTypes is cel-go's provider of Go types with two corrections.
//
// Times are CEL timestamps. Without this, metav1.Time is a struct without fields.
//
// Fields are those of the JSON of a trimmed Event. Without this, fields of
// embedded structs are promoted, so that event.namespace is metadata.namespace
// and event.kind is the Event's own kind, and there is managedFields, which
// event.Trim removes.
type eventTypes struct {
	types.Provider
}

// FindStructFieldType returns how to read a field, and false for a field that
// expressions cannot use.
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

// FindStructFieldNames returns the fields that expressions can use, sorted.
func (t *eventTypes) FindStructFieldNames(structType string) ([]string, bool) {
	names, ok := t.Provider.FindStructFieldNames(structType)
	if !ok {
		return nil, false
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return hidden(structType, name) })
	slices.Sort(names)
	return names, true
}

// hidden reports whether expressions cannot use a field.
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

// timestampField returns a field with a CEL timestamp for one with a metav1 time.
// A time that is not set is 0001-01-01T00:00:00Z, and has() is false.
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

// timeOf returns the time of a metav1 time, and the zero time for nil.
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
