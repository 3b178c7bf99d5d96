package main

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestAccount(t *testing.T) {
	sound := newEvent("sound", "pequod", "Started")
	killed := newEvent("killed", "pequod", "Killing")
	elsewhere := newEvent("elsewhere", "kube-system", "Started")

	tests := map[string]struct {
		events  []corev1.Event
		builds  []corev1.Secret
		workers []corev1.Pod
		summary string
		fault   string
	}{
		"each accepted Event with its build and its worker is without fault": {
			events:  []corev1.Event{sound, killed, elsewhere},
			builds:  []corev1.Secret{newBuild("1", "sound")},
			workers: []corev1.Pod{newWorker("1")},
			summary: "builds=1 workers=1",
		},
		"an accepted Event without a build is missing one": {
			events:  []corev1.Event{sound},
			summary: "builds=0 workers=0",
			fault:   "no build for Pod:Started pequod/sound",
		},
		"two builds for one Event are one too many": {
			events:  []corev1.Event{sound},
			builds:  []corev1.Secret{newBuild("1", "sound"), newBuild("2", "sound")},
			workers: []corev1.Pod{newWorker("1"), newWorker("2")},
			summary: "builds=2 workers=2",
			fault:   "2 builds for Pod:Started pequod/sound: 1, 2",
		},
		"builds for rejected Events and for none are too many": {
			events:  []corev1.Event{sound, killed},
			builds:  []corev1.Secret{newBuild("1", "sound"), newBuild("2", "killed"), newBuild("3", "unknown")},
			workers: []corev1.Pod{newWorker("1"), newWorker("2"), newWorker("3")},
			summary: "builds=3 workers=3",
			fault: "build 2 is for a rejected Event, Pod:Killing pequod/killed\n" +
				"  build 3 is for an Event that is not there",
		},
		"a build that Brigade has not started is missing its worker": {
			events:  []corev1.Event{sound},
			builds:  []corev1.Secret{newBuild("1", "sound")},
			summary: "builds=1 workers=0",
			fault:   "no worker for build 1",
		},
		"no Event to build proves nothing": {
			events:  []corev1.Event{killed, elsewhere},
			summary: "builds=0 workers=0",
			fault:   "no Event to build has occurred",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			account, err := newAccount(test.events, test.builds, test.workers)
			if err != nil {
				t.Fatal(err)
			}
			if got := account.summary(); got != test.summary {
				t.Errorf("summary %q, want %q", got, test.summary)
			}
			fault := ""
			if err := account.fault(); err != nil {
				fault = err.Error()
			}
			if fault != test.fault {
				t.Errorf("fault %q, want %q", fault, test.fault)
			}
		})
	}
}

func newEvent(name, namespace, reason string) corev1.Event {
	return corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: namespace, UID: types.UID(name)},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: "a-pod"},
		Reason:         reason,
	}
}

func newBuild(id, event string) corev1.Secret {
	return corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"build": id}},
		Data:       map[string][]byte{"payload": fmt.Appendf(nil, `{"metadata":{"uid":%q}}`, event)},
	}
}

func newWorker(id string) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"build": id}}}
}
