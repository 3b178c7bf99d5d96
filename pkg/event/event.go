// Package event tells facts about one core/v1 Event: when it occurred, how
// often, who reported it and what it is about.
//
// It is the lowest room of the gateway. Everything above reads Events through
// it, so that a rule such as "which of the five timestamps counts" is written
// down once.
package event

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Key returns the Event's own "namespace/name", the way kubectl and the
// gateway's log name it.
func Key(e *corev1.Event) string {
	return e.Namespace + "/" + e.Name
}

// Occurred returns when the latest occurrence that e stands for took place, or
// the zero time where e carries no timestamp at all.
//
// Two generations of writers fill different fields, so the first that is set
// wins, latest knowledge first:
//
//	series.lastObservedTime   events.k8s.io/v1 writers, once an Event recurs
//	lastTimestamp             core/v1 writers
//	eventTime                 events.k8s.io/v1 writers, the first occurrence
//	firstTimestamp            core/v1 writers that never set lastTimestamp
//	metadata.creationTimestamp  whoever wrote nothing else
//
// The order is the one in which kubectl computes LAST SEEN (printEvent in
// k8s.io/kubernetes/pkg/printers/internalversion), continued down to the
// creation time so that every Event the API server stored has an answer.
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

// Count returns how often what e reports has happened, at least 1:
// series.count where there is a series, else the deprecated count, else 1,
// which is what an events.k8s.io/v1 writer means by leaving both out.
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

// Component returns who reported e: source.component where a core/v1 writer
// set it, else reportingComponent, which events.k8s.io/v1 calls
// reportingController.
func Component(e *corev1.Event) string {
	if e.Source.Component != "" {
		return e.Source.Component
	}
	return e.ReportingController
}

// Group returns the API group of the object that e is about, empty for the core
// group and where the reporter did not say.
func Group(e *corev1.Event) string {
	group, _, found := strings.Cut(e.InvolvedObject.APIVersion, "/")
	if !found {
		return "" // "v1" is the core group's
	}
	return group
}

// Object returns what e is about as "<Kind> <namespace>/<name>", without the
// namespace for what has none, for example "Pod pequod/web-0" or "Node n1".
func Object(e *corev1.Event) string {
	o := e.InvolvedObject
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}
