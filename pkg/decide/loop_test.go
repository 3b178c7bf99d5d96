package decide

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestLoop(t *testing.T) {
	about := func(kind, name string) *corev1.Event {
		return &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: "brigade", Name: name}}
	}
	related := func(name string) *corev1.Event {
		e := about("Pod", "web-0")
		e.Related = &corev1.ObjectReference{Kind: "Pod", Namespace: "brigade", Name: name}
		return e
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
		"a job's secret":                          {about("Secret", "run-tests-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"the claim of a job's ephemeral volume":   {about("PersistentVolumeClaim", "run-tests-01ctbn8a9zqv4q1n6fsj6a0c3x-scratch"), true},
		"what an operator names after a worker":   {about("CiliumEndpoint", "brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"a claim that an operator names after it": {about("ResourceClaim", "brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x-gpu-x2x9k"), true},
		"a Deployment with the prefix":            {about("Deployment", "brigade-worker-images"), false},
		"a longer word than a build ID":           {about("Pod", "web-01ctbn8a9zqv4q1n6fsj6a0c3x0"), false},
		"a user's pod that a worker displaces":    {related("brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x"), true},
		"a user's pod that another displaces":     {related("web-1"), false},
		"the volume behind a claim, not known":    {about("PersistentVolume", "pvc-5d3e9a80-7f0e-4c53-8f5e-0a64a2a0a001"), false},
		"the claim of a job's cache, not known":   {about("PersistentVolumeClaim", "deis-empty-testbed-run-tests"), false},
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
