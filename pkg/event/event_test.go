package event

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	created  = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	first    = time.Date(2026, 1, 2, 3, 0, 1, 0, time.UTC)
	last     = time.Date(2026, 1, 2, 3, 0, 9, 0, time.UTC)
	precise  = time.Date(2026, 1, 2, 3, 0, 2, 345678000, time.UTC)
	observed = time.Date(2026, 1, 2, 3, 0, 8, 987654000, time.UTC)
)

func TestOccurrence(t *testing.T) {
	tests := map[string]struct {
		event    corev1.Event
		occurred time.Time
		count    int32
	}{
		"a core/v1 writer's first occurrence": {
			event:    corev1.Event{FirstTimestamp: metav1.NewTime(first), LastTimestamp: metav1.NewTime(first), Count: 1},
			occurred: first, count: 1,
		},
		"a core/v1 writer's fifth occurrence": {
			event:    corev1.Event{FirstTimestamp: metav1.NewTime(first), LastTimestamp: metav1.NewTime(last), Count: 5},
			occurred: last, count: 5,
		},
		"an events.k8s.io/v1 writer's first occurrence": {
			event:    corev1.Event{EventTime: metav1.NewMicroTime(precise)},
			occurred: precise, count: 1,
		},
		"an events.k8s.io/v1 writer's series": {
			event: corev1.Event{
				EventTime: metav1.NewMicroTime(precise),
				Series:    &corev1.EventSeries{Count: 7, LastObservedTime: metav1.NewMicroTime(observed)},
			},
			occurred: observed, count: 7,
		},
		"an events.k8s.io/v1 writer that fills the deprecated fields too": {
			event: corev1.Event{
				EventTime: metav1.NewMicroTime(precise), FirstTimestamp: metav1.NewTime(first),
				LastTimestamp: metav1.NewTime(last), Count: 3,
			},
			occurred: last, count: 3,
		},
		"a series without a time falls back to the deprecated fields": {
			event:    corev1.Event{Series: &corev1.EventSeries{Count: 2}, LastTimestamp: metav1.NewTime(last), Count: 1},
			occurred: last, count: 2,
		},
		"a writer that sets the first timestamp only": {
			event:    corev1.Event{FirstTimestamp: metav1.NewTime(first)},
			occurred: first, count: 1,
		},
		"a writer that sets no time at all": {
			event:    corev1.Event{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created)}},
			occurred: created, count: 1,
		},
		"an event that was never stored": {
			event: corev1.Event{}, occurred: time.Time{}, count: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Occurred(&tc.event); !got.Equal(tc.occurred) {
				t.Errorf("Occurred = %s, want %s", got, tc.occurred)
			}
			if got := Count(&tc.event); got != tc.count {
				t.Errorf("Count = %d, want %d", got, tc.count)
			}
		})
	}
}

func TestNames(t *testing.T) {
	e := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "pequod", Name: "web-0.17a"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
		Reason:         "BackOff",
		Source:         corev1.EventSource{Component: "kubelet"},
	}
	node := &corev1.Event{
		InvolvedObject:      corev1.ObjectReference{Kind: "Node", Name: "n1"},
		ReportingController: "node-controller",
	}
	tests := map[string]struct{ got, want string }{
		"an event's key":                        {Key(e), "pequod/web-0.17a"},
		"a namespaced object":                   {Object(e), "Pod pequod/web-0"},
		"an object without namespace":           {Object(node), "Node n1"},
		"the component of a core/v1 writer":     {Component(e), "kubelet"},
		"the component of an events.k8s.io one": {Component(node), "node-controller"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.got != tc.want {
				t.Errorf("got %q, want %q", tc.got, tc.want)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	for apiVersion, want := range map[string]string{
		"": "", "v1": "", "apps/v1": "apps", "networking.k8s.io/v1beta1": "networking.k8s.io", "a/b/c": "a",
	} {
		e := &corev1.Event{InvolvedObject: corev1.ObjectReference{APIVersion: apiVersion}}
		if got := Group(e); got != want {
			t.Errorf("group of %q is %q, want %q", apiVersion, got, want)
		}
	}
}
