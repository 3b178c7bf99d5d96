package event

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// What is kept of an Event, in bytes. The API server holds writers of
// events.k8s.io/v1 to far less (a note of 1 KiB, a reason of 128 bytes), but
// leaves those of core/v1 free up to the size of a request, 1.5 MiB.
const (
	// MaxMessage is how much of a message is kept.
	MaxMessage = 16 << 10
	// MaxAnnotations is how much of all annotations together is kept, keys
	// included. Labels have the same bound of their own.
	MaxAnnotations = 16 << 10
	// MaxText is how much of any other text is kept: reason, action, reporter,
	// and what names an object.
	MaxText = 1 << 10
	// MaxReferences is how many owner references and finalizers are kept, each.
	MaxReferences = 16
	// MaxSize is how many bytes the largest trimmed Event has, as the API server
	// sends it. One whose writer made nothing but the message and the annotations
	// large has 33 KiB.
	MaxSize = 160 << 10
)

// TrimmedAnnotation says in a trimmed Event which annotations or labels are
// missing. The marks of texts that were cut stand in the texts.
const TrimmedAnnotation = "k8s-gateway.brigade.sh/trimmed"

// Trim cuts e, which it changes, to a bounded size, and removes the
// managedFields, which only the API server has a use for. A text that is cut
// ends in a mark that says how many bytes are missing. Filters decide about the
// trimmed Event, and it is what a build gets as payload.
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

// Shorten cuts s, where it is longer, to at most limit bytes and a mark that
// says how many are missing. It cuts between two characters.
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

// trimMap leaves out entries, the last ones by key, and cuts the last one that
// it keeps, until the bound is kept. It returns how many it touched.
func trimMap(m map[string]string) (touched int) {
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
		touched++
	}
	return touched
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
