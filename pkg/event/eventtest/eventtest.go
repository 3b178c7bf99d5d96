// Package eventtest has the Event that tests of other packages use.
package eventtest

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BackOff returns an Event as the kubelet writes it, a new one with each call.
func BackOff() *corev1.Event {
	first := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "pequod", Name: "web-0.17f3a1", UID: "6f4b1f3e-9c39-4b1c-8a61-d0f0f4f6f001",
			CreationTimestamp: metav1.NewTime(first),
		},
		InvolvedObject: corev1.ObjectReference{
			Kind: "Pod", APIVersion: "v1", Namespace: "pequod", Name: "web-0", FieldPath: "spec.containers{web}",
		},
		Reason:         "BackOff",
		Message:        "Back-off restarting failed container web in pod web-0_pequod",
		Source:         corev1.EventSource{Component: "kubelet", Host: "node-1"},
		FirstTimestamp: metav1.NewTime(first),
		LastTimestamp:  metav1.NewTime(first.Add(12 * time.Minute)),
		Count:          7,
		Type:           corev1.EventTypeWarning,
	}
}
