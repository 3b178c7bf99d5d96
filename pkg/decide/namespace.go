package decide

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ByNamespace is the name of the namespace rule in verdicts.
const ByNamespace = "namespace"

// Forged reports whether the involved object of e is one that no genuine Event
// in the namespace of e is about.
//
// The Event's own namespace is the only field that RBAC controls, by granting
// `create events` per namespace. The reporter is free in all other fields. So
// the involved object must be in the namespace of the Event. An Event about an
// object without a namespace, for example a Node, is genuine only where
// Kubernetes writes it: in "default", and with eventTime also in "kube-system".
//
// The API server checks this itself for Events without eventTime
// (legacyValidateEvent in k8s.io/kubernetes/pkg/apis/core/validation/events.go).
// For Events with eventTime, of either API, it checks only objects without a
// namespace, so that an Event in one namespace may name an object of another.
// The two cases for objects without a namespace are from the same function;
// client-go's recorders put such Events in "default" (makeEvent in
// k8s.io/client-go/tools/record and tools/events).
func Forged(e *corev1.Event) bool {
	claimed := e.InvolvedObject.Namespace
	if claimed != "" {
		return claimed != e.Namespace
	}
	switch e.Namespace {
	case metav1.NamespaceNone, metav1.NamespaceDefault:
		return false
	case metav1.NamespaceSystem:
		return e.EventTime.IsZero()
	default:
		return true
	}
}

// whyForged returns the reason that Trace gives.
func whyForged(e *corev1.Event) string {
	if claimed := e.InvolvedObject.Namespace; claimed != "" {
		return fmt.Sprintf("an Event in namespace %q cannot be about an object in %q", e.Namespace, claimed)
	}
	return fmt.Sprintf("an Event in namespace %q cannot be about a cluster-scoped object", e.Namespace)
}
