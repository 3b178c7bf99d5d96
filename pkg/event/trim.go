package event

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// The bounds of a trimmed Event, in bytes. The API server allows reporters of
// events.k8s.io/v1 less (a note of 1 KiB, a reason of 128 bytes), but those of
// core/v1 as much as a request may have, 1.5 MiB.
const (
	// MaxMessage is the bound of the message.
	MaxMessage = 16 << 10
	// MaxAnnotations is the bound of all annotations together, keys included.
	// All labels together have the same bound.
	MaxAnnotations = 16 << 10
	// MaxText is the bound of each other text: reason, action, reporter, and
	// the fields that name an object.
	MaxText = 1 << 10
	// MaxReferences is the number of owner references, and of finalizers.
	MaxReferences = 16
	// MaxSize is the size of the largest trimmed Event as the API server sends
	// it. An Event of which only message and annotations are large has 33 KiB.
	MaxSize = 160 << 10
)

// TrimmedAnnotation is the annotation in which Trim writes how many annotations
// and labels it removed or cut.
const TrimmedAnnotation = "k8s-gateway.brigade.sh/trimmed"

// Trim cuts e to MaxSize in place and removes its managedFields, which only the
// API server uses. A text that is cut ends with the number of bytes cut. Filters
// decide on the trimmed Event, and a build gets it as payload.
func Trim(e *corev1.Event) {
	e.ManagedFields = nil
	trimText(&e.Message, MaxMessage)
	for _, text := range []*string{
		&e.Reason, &e.Type, &e.Action, &e.ReportingController, &e.ReportingInstance, &e.Source.Component, &e.Source.Host,
		&e.GenerateName,
	} {
		trimText(text, MaxText)
	}
	trimReference(&e.InvolvedObject)
	if e.Related != nil {
		trimReference(e.Related)
	}
	trimMaps(e)
	trimOwners(e)
}

func trimReference(o *corev1.ObjectReference) {
	for _, text := range []*string{&o.Kind, &o.Namespace, &o.Name, (*string)(&o.UID), &o.APIVersion, &o.ResourceVersion, &o.FieldPath} {
		trimText(text, MaxText)
	}
}

func trimText(text *string, limit int) { *text = Shorten(*text, limit) }

// Shorten cuts s to at most limit bytes, between two characters, and appends the
// number of bytes cut. A text that is not longer than limit stays as it is.
func Shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return fmt.Sprintf("%s… [%d bytes cut]", s[:limit], len(s)-limit)
}

func trimMaps(e *corev1.Event) {
	annotations, labels := trimMap(e.Annotations), trimMap(e.Labels)
	if annotations+labels == 0 {
		return
	}
	if e.Annotations == nil {
		e.Annotations = map[string]string{}
	}
	e.Annotations[TrimmedAnnotation] = fmt.Sprintf("%d annotations and %d labels were left out or cut", annotations, labels)
}

// trimMap removes the last entries by key, and cuts the last one that stays,
// until m is within its bound. It returns how many it removed or cut.
func trimMap(m map[string]string) (trimmed int) {
	size := 0
	for key, value := range m {
		size += len(key) + len(value)
	}
	if size <= MaxAnnotations {
		return 0
	}
	left := MaxAnnotations
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value := m[key]
		switch {
		case len(key)+len(value) <= left:
			left -= len(key) + len(value)
			continue
		case len(key) < left:
			m[key] = Shorten(value, left-len(key))
			left = 0
		default:
			delete(m, key)
		}
		trimmed++
	}
	return trimmed
}

func trimOwners(e *corev1.Event) {
	e.OwnerReferences = e.OwnerReferences[:min(len(e.OwnerReferences), MaxReferences)]
	for i := range e.OwnerReferences {
		o := &e.OwnerReferences[i]
		for _, text := range []*string{&o.APIVersion, &o.Kind, &o.Name, (*string)(&o.UID)} {
			trimText(text, MaxText)
		}
	}
	e.Finalizers = e.Finalizers[:min(len(e.Finalizers), MaxReferences)]
	for i := range e.Finalizers {
		trimText(&e.Finalizers[i], MaxText)
	}
}
