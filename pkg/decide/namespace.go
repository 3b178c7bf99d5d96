package decide

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ByNamespace is how a verdict names the namespace rule as what decided.
const ByNamespace = "namespace"

// Forged reports whether e says that it is about an object which an Event in
// its namespace is never about.
//
// An Event's own namespace is the only thing about it that the API server
// vouches for: RBAC grants `create events` by namespace, and everything else in
// an Event is what its writer claims. So an object's namespace must be that of
// the Event. An Event about an object without one, a Node for example, is
// genuine only where Kubernetes puts it: in "default", and for Events that set
// eventTime in "kube-system" too.
//
// The API server checks this itself for Events without eventTime
// (legacyValidateEvent in k8s.io/kubernetes/pkg/apis/core/validation/events.go).
// For Events with eventTime, of either API, it checks only the objects without
// a namespace, and lets an Event in one namespace name an object of another.
// The two cases for objects without a namespace are those of the same function;
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

// whyForged says what is wrong with an Event that Forged reports, for people to
// read.
func whyForged(e *corev1.Event) string {
	if claimed := e.InvolvedObject.Namespace; claimed != "" {
		return fmt.Sprintf("an Event in namespace %q cannot be about an object in %q", e.Namespace, claimed)
	}
	return fmt.Sprintf("an Event in namespace %q cannot be about a cluster-scoped object", e.Namespace)
}
