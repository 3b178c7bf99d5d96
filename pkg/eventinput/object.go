package eventinput

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	kjson "sigs.k8s.io/json"
)

// expected ends the errors about other kinds of object.
const expected = "expected Events of v1 or events.k8s.io/v1, or lists of them"

// errNoObject is the error of JSON or YAML that is not an object. The table that
// kubectl prints by default is a string in YAML.
var errNoObject = errors.New("not an object; have kubectl print with -o json or -o yaml")

// errInternal is the error of the output of `kubectl cluster-info dump` before
// Kubernetes 1.14: kubectl's internal types, with Items, InvolvedObject and so on,
// which are not an API and differ between versions.
var errInternal = errors.New("a list in the internal form of older versions of kubectl cluster-info dump, which is not an API; " +
	"print the Events with kubectl get events --all-namespaces -o json")

// decodeDocument decodes an object that is not in a list: an Event, or the object
// that --output-watch-events prints around one. The Event is nil for a deletion or
// a bookmark.
func decodeDocument(data []byte) (*corev1.Event, error) {
	var wrapper struct {
		Kind   string          `json:"kind"`
		Type   watch.EventType `json:"type"`
		Object json.RawMessage `json:"object"`
	}
	if err := decode(data, &wrapper); err != nil {
		return nil, err
	}
	if wrapper.Kind != "" || wrapper.Object == nil {
		return decodeEvent(data)
	}
	switch wrapper.Type {
	case watch.Added, watch.Modified:
		return decodeEvent(wrapper.Object)
	case watch.Deleted, watch.Bookmark:
		return nil, nil
	case watch.Error:
		var status metav1.Status
		if err := decode(wrapper.Object, &status); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the watch ended with an error: %s", status.Message)
	default:
		return nil, fmt.Errorf("an object of type %q; expected ADDED or MODIFIED, as --output-watch-events prints", wrapper.Type)
	}
}

// decodeEvent decodes an Event.
func decodeEvent(data []byte) (*corev1.Event, error) {
	var head struct {
		metav1.TypeMeta

		InvolvedObject json.RawMessage `json:"involvedObject"`
		Regarding      json.RawMessage `json:"regarding"`
		Internal       json.RawMessage `json:"Items"`
	}
	if err := decode(data, &head); err != nil {
		return nil, err
	}
	if head.Kind == "" { // items of an EventList have none
		switch {
		case head.InvolvedObject != nil:
			head.TypeMeta = metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Event"}
		case head.Regarding != nil:
			head.TypeMeta = metav1.TypeMeta{APIVersion: eventsv1.SchemeGroupVersion.String(), Kind: "Event"}
		case head.Internal != nil:
			return nil, errInternal
		default:
			return nil, fmt.Errorf("an object without kind; %s", expected)
		}
	}
	if head.Kind != "Event" {
		return nil, unexpected(head.TypeMeta)
	}
	switch groupOf(head.APIVersion) {
	case corev1.GroupName:
		e := &corev1.Event{}
		if err := decode(data, e); err != nil {
			return nil, err
		}
		e.ManagedFields = nil
		return e, nil
	case eventsv1.GroupName:
		e := &eventsv1.Event{}
		if err := decode(data, e); err != nil {
			return nil, err
		}
		e.ManagedFields = nil
		return convert(e), nil
	default: // audit.k8s.io has Events as well
		return nil, unexpected(head.TypeMeta)
	}
}

// decode decodes an object as the API server does: keys are case-sensitive, and
// unknown keys are ignored.
func decode(data []byte, into any) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		return errNoObject
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, into); err != nil {
		return fmt.Errorf("not an Event: %w", err)
	}
	return nil
}

// groupOf returns the API group of an apiVersion, and an invalid one as it is.
func groupOf(apiVersion string) string {
	version, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return apiVersion
	}
	return version.Group
}

// checkList returns an error if a list is not one of Events. A List, and a list
// without a kind, may have items of any kind.
func checkList(list metav1.TypeMeta) error {
	group := groupOf(list.APIVersion)
	switch {
	case list.Kind == "", list.Kind == "List" && group == "":
		return nil
	case list.Kind == "EventList" && (group == corev1.GroupName || group == eventsv1.GroupName):
		return nil
	default:
		return unexpected(list)
	}
}

// unexpected returns the error of a kind that is not Event.
func unexpected(t metav1.TypeMeta) error {
	if t.APIVersion == "" {
		return fmt.Errorf("kind %s; %s", t.Kind, expected)
	}
	return fmt.Errorf("kind %s of %s; %s", t.Kind, t.APIVersion, expected)
}

// convert converts an Event of events.k8s.io/v1 to core/v1, as the API server does
// (Convert_v1_Event_To_core_Event in k8s.io/kubernetes/pkg/apis/events/v1).
func convert(e *eventsv1.Event) *corev1.Event {
	out := &corev1.Event{
		ObjectMeta:          e.ObjectMeta,
		InvolvedObject:      e.Regarding,
		Reason:              e.Reason,
		Message:             e.Note,
		Source:              e.DeprecatedSource,
		FirstTimestamp:      e.DeprecatedFirstTimestamp,
		LastTimestamp:       e.DeprecatedLastTimestamp,
		Count:               e.DeprecatedCount,
		Type:                e.Type,
		EventTime:           e.EventTime,
		Action:              e.Action,
		Related:             e.Related,
		ReportingController: e.ReportingController,
		ReportingInstance:   e.ReportingInstance,
	}
	if e.Series != nil {
		out.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out
}
