package filter

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// Scope is what a Rule asks about the involved object's namespace. The words
// and their meaning are those of the scope of a webhook's or an admission
// policy's rule: ScopeType in k8s.io/api/admissionregistration/v1.
type Scope string

const (
	// AnyScope matches all objects. In a file it may be written `*` too.
	AnyScope Scope = ""
	// ClusterScope matches objects without a namespace. Behind the namespace
	// rule of pkg/decide nobody who may create Events in an ordinary namespace
	// can claim one.
	ClusterScope = Scope(admissionv1.ClusterScope)
	// NamespacedScope matches objects with a namespace.
	NamespacedScope = Scope(admissionv1.NamespacedScope)
)

// ParseScope returns the Scope that text names: "Cluster", "Namespaced", or "*"
// or nothing for any.
func ParseScope(text string) (Scope, error) {
	switch s := Scope(text); s {
	case AnyScope, ClusterScope, NamespacedScope:
		return s, nil
	case Scope(admissionv1.AllScopes):
		return AnyScope, nil
	default:
		return AnyScope, fmt.Errorf("unknown scope %q; allowed are %s and %s", text, ClusterScope, NamespacedScope)
	}
}

// scopeOf returns the scope of an object in the given namespace.
func scopeOf(namespace string) Scope {
	if namespace == "" {
		return ClusterScope
	}
	return NamespacedScope
}

// ClusterScoped reports whether kind is one of Kubernetes' own whose objects
// have no namespace, as Kubernetes 1.37 has them; a test compares the list with
// what a real API server says. Kinds of custom resources are not known here.
func ClusterScoped(kind string) bool {
	switch kind {
	case "APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding",
		"ClusterTrustBundle", "ComponentStatus", "CustomResourceDefinition", "DeviceClass", "DeviceTaintRule", "FlowSchema",
		"IPAddress", "IngressClass", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
		"MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass",
		"PriorityLevelConfiguration", "ResourcePoolStatusRequest", "ResourceSlice", "RuntimeClass", "ServiceCIDR", "StorageClass", "StorageVersion",
		"StorageVersionMigration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
		"ValidatingWebhookConfiguration", "VolumeAttachment", "VolumeAttributesClass":
		return true
	default:
		return false
	}
}
