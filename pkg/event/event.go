// Package event reads facts from one core/v1 Event: when it occurred, how often,
// who reported it and what it is about. It also cuts an Event to a bounded size.
//
// All other packages read Events through it, so that a rule such as "which of
// the five timestamps counts" is in one place.
package event

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Key returns the Event's own "namespace/name".
func Key(e *corev1.Event) string {
	return e.Namespace + "/" + e.Name
}

// Occurred returns the time of the latest occurrence, or the zero time if e has
// no timestamp.
//
// Reporters fill different fields. The first that is set counts:
//
//	series.lastObservedTime     events.k8s.io/v1, when an Event recurs
//	lastTimestamp               core/v1
//	eventTime                   events.k8s.io/v1, the first occurrence
//	firstTimestamp              core/v1 without lastTimestamp
//	metadata.creationTimestamp  no other timestamp
//
// It is the order in which kubectl computes LAST SEEN (printEvent in
// k8s.io/kubernetes/pkg/printers/internalversion), and then the creation time,
// which every stored Event has.
func Occurred(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	case !e.FirstTimestamp.IsZero():
		return e.FirstTimestamp.Time
	default:
		return e.CreationTimestamp.Time
	}
}

// Count returns the number of occurrences, at least 1: series.count if there is
// a series, else the deprecated count, else 1, because reporters of
// events.k8s.io/v1 set neither for a first occurrence.
func Count(e *corev1.Event) int32 {
	switch {
	case e.Series != nil && e.Series.Count > 0:
		return e.Series.Count
	case e.Count > 0:
		return e.Count
	default:
		return 1
	}
}

// Component returns the component that reported e: source.component of core/v1
// if it is set, else reportingComponent, which is reportingController of
// events.k8s.io/v1.
func Component(e *corev1.Event) string {
	if e.Source.Component != "" {
		return e.Source.Component
	}
	return e.ReportingController
}

// Group returns the API group of the involved object. It is empty for the core
// group, and if the reporter set no apiVersion.
func Group(e *corev1.Event) string {
	group, _, found := strings.Cut(e.InvolvedObject.APIVersion, "/")
	if !found {
		return "" // "v1" is the core group's
	}
	return group
}

// Object returns the involved object as "<kind> <namespace>/<name>", or
// "<kind> <name>" if it has no namespace: "Pod pequod/web-0", "Node n1".
func Object(e *corev1.Event) string {
	o := e.InvolvedObject
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}
