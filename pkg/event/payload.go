package event

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
)

// Payload returns e as compact JSON without managedFields, as every destination gets
// it.
func Payload(e *corev1.Event) ([]byte, error) {
	if len(e.ManagedFields) > 0 {
		trimmed := *e
		trimmed.ManagedFields = nil
		e = &trimmed
	}
	return json.Marshal(e)
}
