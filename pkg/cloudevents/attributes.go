package cloudevents

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// Attributes come from an Event, and so from any user who can create Events. They are
// cut and cleaned so that they are harmless in a header, a log, a shell or a template.
const (
	// maxKind is the longest name of a kind that Kubernetes admits for a custom
	// resource (a DNS label), and maxReason the longest reason that
	// events.k8s.io/v1 admits (ReasonLengthLimit in
	// k8s.io/kubernetes/pkg/apis/core/validation/events.go).
	maxKind   = 63
	maxReason = 128
	// maxValue is the longest name of an object (a DNS subdomain).
	maxValue = 253
)

// Characters that attributes may have in addition to ASCII letters and digits.
const (
	kindMarks    = "-_"
	sourceMarks  = "-_."
	reasonMarks  = "-_."
	segmentMarks = "-_.:@+=,~[]" // of a subject, whose separator is /
	valueMarks   = segmentMarks + "/"
)

// Source returns the source of the messages of a gateway:
// /clusters/<cluster>/namespaces/<namespace>/gateways/<name>.
func Source(cluster, namespace, name string) string {
	return "/clusters/" + clean(cluster, maxValue, sourceMarks) + "/namespaces/" + clean(namespace, maxValue, sourceMarks) +
		"/gateways/" + clean(name, maxValue, sourceMarks)
}

// Type returns the type of the message for e: sh.brigade.k8s.<kind>.<reason>,
// for example sh.brigade.k8s.Pod.BackOff. The kind has no dot, so that the
// reason is what follows the dot after it.
func Type(e *corev1.Event) string {
	kind, reason := clean(e.InvolvedObject.Kind, maxKind, kindMarks), clean(e.Reason, maxReason, reasonMarks)
	if kind == "" {
		kind = "_"
	}
	if reason == "" {
		reason = "_"
	}
	return TypePrefix + "." + kind + "." + reason
}

// Subject returns the involved object of e: <kind>/<namespace>/<name>, and
// <kind>/<name> if it has no namespace.
func Subject(e *corev1.Event) string {
	o := e.InvolvedObject
	segments := []string{clean(o.Kind, maxKind, kindMarks)}
	if o.Namespace != "" {
		segments = append(segments, clean(o.Namespace, maxValue, segmentMarks))
	}
	return strings.Join(append(segments, clean(o.Name, maxValue, segmentMarks)), "/")
}

// extensions returns the fields of an Event that filters can match, by which receivers
// route, and the filter that accepted it. Kind, name, namespace and apiversion have the
// names of Knative's ApiServerSource. Empty ones are omitted, because an attribute has
// no empty value (CloudEvents 1.0, section 3).
func extensions(b delivery.Build) map[string]any {
	e := b.Event
	all := map[string]any{"count": event.Count(e)}
	for name, value := range map[string]string{
		"apiversion": e.InvolvedObject.APIVersion,
		"kind":       e.InvolvedObject.Kind,
		"namespace":  e.InvolvedObject.Namespace,
		"name":       e.InvolvedObject.Name,
		"reason":     e.Reason,
		"eventtype":  e.Type,
		"component":  event.Component(e),
		"filter":     b.By,
		"group":      b.Group,
	} {
		if value = clean(value, maxValue, valueMarks); value != "" {
			all[name] = value
		}
	}
	return all
}

// clean returns the first most characters of s, with `_` for each one that is
// neither an ASCII letter or digit nor one of marks. The HTTP binding encodes no
// such character (section 3.1.3.2), so a value is the same in both modes.
func clean(s string, most int, marks string) string {
	if len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return !allowed(r, marks) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if b.Len() == most {
			break
		}
		if !allowed(r, marks) {
			r = '_'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// allowed reports whether an attribute may have r.
func allowed(r rune, marks string) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(marks, r)
}
