package decide

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestLoop(t *testing.T) {
	about := func(kind, name string) *corev1.Event {
		return &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: "brigade", Name: name}}
	}
	tests := map[string]struct {
		event *corev1.Event
		want  bool
	}{
		"a worker pod":                  {about("Pod", "brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"a build secret":                {about("Secret", "brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"the build storage of a worker": {about("PersistentVolumeClaim", "brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"a job pod":                     {about("Pod", "run-tests-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"a job's claim":                 {about("PersistentVolumeClaim", "run-tests-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"a user's pod":                  {about("Pod", "web-5d9c7b8f6d-x2x9k"), false},
		"a stateful pod":                {about("Pod", "web-0"), false},
		"a name that ends in 26 other characters": {about("Pod", "web-uuuuuuuuuuuuuuuuuuuuuuuuuu"), false},
		"a ULID beyond the last one":              {about("Pod", "web-81ctbn8a9zqv4q1n6fsj6a0c3x"), false},
		"a ULID without a name before it":         {about("Pod", "-01ctbn8a9zqv4q1n6fsj6a0c3x"), false},
		"a ULID that is not set apart":            {about("Pod", "web01ctbn8a9zqv4q1n6fsj6a0c3x"), false},
		"a node with a build ID in its name":      {about("Node", "n-01ctbn8a9zqv4q1n6fsj6a0c3x"), false},
		"what the gateway reports":                {&corev1.Event{Source: corev1.EventSource{Component: Component}}, true},
		"what the gateway reports to the new API": {&corev1.Event{ReportingController: Component}, true},
		"an event about nothing":                  {&corev1.Event{}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Loop(tc.event); got != tc.want {
				t.Errorf("Loop = %t, want %t", got, tc.want)
			}
		})
	}
}
