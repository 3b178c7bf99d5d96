package filter

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// Scope is whether an object has a namespace. The values are those of ScopeType
// in k8s.io/api/admissionregistration/v1, the scope of an admission rule.
type Scope string

const (
	// AnyScope matches all objects. A file may also have `*`.
	AnyScope Scope = ""
	// ClusterScope matches objects without a namespace. Because of the namespace
	// rule of pkg/decide, Events from ordinary namespaces cannot claim one.
	ClusterScope = Scope(admissionv1.ClusterScope)
	// NamespacedScope matches objects with a namespace.
	NamespacedScope = Scope(admissionv1.NamespacedScope)
)

// ParseScope parses "Cluster", "Namespaced", or "*" or "" for AnyScope.
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

// ClusterScoped reports whether kind is a built-in kind of Kubernetes 1.37 whose
// objects have no namespace. A test compares the list with a real API server. It
// does not include custom resources.
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
