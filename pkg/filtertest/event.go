package filtertest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kjson "sigs.k8s.io/json"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// maxOccurrences is the maximum of times.
const maxOccurrences = 100_000

// begin is when the first Event of a case occurs by default: the beginning of a
// window of any usual length.
func begin() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// shorthand are the keys of an Event in a test file that are not fields of an Event:
// facts by their names in filters, and when and how often it occurs.
func shorthand() []string {
	return []string{"kind", "namespace", "name", "reason", "type", "component", "message", "count", "at", "after", "times", "every"}
}

// sequence has the state of a case after the Events so far.
type sequence struct {
	last  time.Time
	began bool
	// first and counts are by the UID of the Event object.
	first  map[types.UID]time.Time
	counts map[types.UID]int32
}

// occurrences reads an Event of a test file, and returns one Event for each time it
// occurs.
func (p *parser) occurrences(s *sequence, node *yaml.Node, path string) []*corev1.Event {
	if node.Kind != yaml.MappingNode {
		p.refuse(node, path, "expected an Event; write the fields that matter, for example {kind: Pod, namespace: pequod, reason: BackOff}")
		return nil
	}
	if p.duplicates(node, path) {
		return nil
	}
	short := map[string]*yaml.Node{}
	rest := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	whole := false
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolve(node.Content[i+1])
		switch {
		case key.Value == "apiVersion":
			whole = true
		case slices.Contains(shorthand(), key.Value):
			short[key.Value] = value
			fallthrough
		default:
			rest.Content = append(rest.Content, key, value)
		}
	}
	if whole { // as kubectl prints it; only these keys are not its own
		maps.DeleteFunc(short, func(key string, _ *yaml.Node) bool {
			return !slices.Contains([]string{"at", "after", "times", "every"}, key)
		})
	}
	var fields map[string]any
	if err := rest.Decode(&fields); err != nil {
		p.refuse(node, path, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	for _, key := range shorthand() {
		if !whole || short[key] != nil {
			delete(fields, key)
		}
	}
	if whole {
		delete(fields, "kind")
	}
	e := p.decode(node, path, fields)
	if e == nil {
		return nil
	}
	if !whole {
		p.fill(e, short, path)
	}
	return p.repeat(s, e, short, path)
}

// decode reads the fields of an Event. An unknown field is a fault.
func (p *parser) decode(node *yaml.Node, path string, fields map[string]any) *corev1.Event {
	data, err := json.Marshal(fields)
	if err != nil {
		p.refuse(node, path, "YAML that cannot be converted to JSON: %s", err)
		return nil
	}
	e := &corev1.Event{}
	strict, err := kjson.UnmarshalStrict(data, e)
	for _, fault := range strict {
		p.refuse(node, path, "%s; write the fields of an Event, or the short %s",
			strings.TrimPrefix(fault.Error(), "json: "), strings.Join(shorthand(), ", "))
	}
	if err != nil {
		p.refuse(node, path, "not an Event: %s", strings.TrimPrefix(err.Error(), "json: "))
		return nil
	}
	return e
}

// fill sets the facts of the short keys, and the defaults of others.
func (p *parser) fill(e *corev1.Event, short map[string]*yaml.Node, path string) {
	set := func(key string, into *string, otherwise string) {
		if node, ok := short[key]; ok {
			*into = p.text(node, path+"."+key)
		} else if *into == "" {
			*into = otherwise
		}
	}
	o := &e.InvolvedObject
	set("kind", &o.Kind, "Pod")
	set("name", &o.Name, "example")
	namespace := metav1.NamespaceDefault
	if filter.ClusterScoped(o.Kind) {
		namespace = ""
	}
	set("namespace", &o.Namespace, namespace)
	set("reason", &e.Reason, "Example")
	set("type", &e.Type, corev1.EventTypeNormal)
	set("message", &e.Message, "")
	if e.ReportingController == "" {
		set("component", &e.Source.Component, "")
	}
	if node, ok := short["count"]; ok {
		if n := p.number(node, path+".count"); n != nil {
			e.Count = int32(min(*n, 1<<30)) //nolint:gosec // bounded
		}
	}
	if e.Namespace == "" {
		e.Namespace = o.Namespace
	}
	if e.Namespace == "" {
		e.Namespace = metav1.NamespaceDefault
	}
}

// repeat returns the Event as often as it occurs, each with its time. Like an Event
// recorder of Kubernetes, it counts repeats in one Event object.
func (p *parser) repeat(s *sequence, e *corev1.Event, short map[string]*yaml.Node, path string) []*corev1.Event {
	times := 1
	if node, ok := short["times"]; ok {
		if n := p.number(node, path+".times"); n != nil {
			times = *n
		}
		if times < 1 || times > maxOccurrences {
			p.refuse(node, path+".times", "%d is out of range; allowed is 1 to %d", times, maxOccurrences)
			return nil
		}
	}
	at := s.next(e, p.duration(short["after"], path+".after"))
	if node, ok := short["at"]; ok {
		t, err := time.Parse(time.RFC3339, node.Value)
		if err != nil {
			p.refuse(node, path+".at", "%q is not a time of RFC 3339; write for example 2026-01-01T12:59:59Z", node.Value)
		}
		at = t
	}
	every := p.duration(short["every"], path+".every")
	events := make([]*corev1.Event, 0, times)
	for i := range times {
		one := e.DeepCopy()
		one.InvolvedObject.Name = strings.ReplaceAll(one.InvolvedObject.Name, "{n}", strconv.Itoa(i+1))
		one.Message = strings.ReplaceAll(one.Message, "{n}", strconv.Itoa(i+1))
		s.stamp(one, at.Add(time.Duration(i)*every), e.Count > 0)
		events = append(events, one)
	}
	return events
}

// duration reads a duration that is not negative. The default is 0.
func (p *parser) duration(node *yaml.Node, path string) time.Duration {
	if node == nil {
		return 0
	}
	d, err := time.ParseDuration(node.Value)
	if err != nil || d < 0 {
		p.refuse(node, path, "%q is not a duration; write for example 10s, 5m or 1h", node.Value)
	}
	return d
}

// next returns when an Event occurs that has no "at".
func (s *sequence) next(e *corev1.Event, after time.Duration) time.Time {
	switch own := event.Occurred(e); {
	case !own.IsZero() && after == 0:
		return own
	case !s.began:
		return begin().Add(after)
	default:
		return s.last.Add(after)
	}
}

// stamp sets the times and the UID of an Event and, unless it has one, its count.
func (s *sequence) stamp(e *corev1.Event, at time.Time, counted bool) {
	if s.first == nil {
		s.first, s.counts = map[types.UID]time.Time{}, map[types.UID]int32{}
	}
	s.began, s.last = true, at
	if e.UID == "" {
		e.UID = uidOf(e)
	}
	first, seen := s.first[e.UID]
	if !seen {
		first = at
		s.first[e.UID] = at
	}
	s.counts[e.UID]++
	if e.Name == "" {
		e.Name = e.InvolvedObject.Name + "." + string(e.UID)[:16]
	}
	if e.CreationTimestamp.IsZero() {
		e.CreationTimestamp = metav1.NewTime(first)
	}
	switch {
	case e.Series != nil:
		e.Series.LastObservedTime = metav1.NewMicroTime(at)
	case !e.EventTime.IsZero():
	default:
		if e.FirstTimestamp.IsZero() {
			e.FirstTimestamp = metav1.NewTime(first)
		}
		e.LastTimestamp = metav1.NewTime(at)
		if !counted {
			e.Count = s.counts[e.UID]
		}
	}
}

// uidOf returns the UID of the Event object in which a recorder would count e, by
// involved object, reporter, type, reason and message (getEventKey in
// k8s.io/client-go/tools/record).
func uidOf(e *corev1.Event) types.UID {
	o := e.InvolvedObject
	sum := sha256.Sum256([]byte(strings.Join([]string{
		o.Kind, o.Namespace, o.Name, string(o.UID), o.APIVersion, o.FieldPath, e.Type, e.Reason, e.Message, event.Component(e),
	}, "\x00")))
	return types.UID(fmt.Sprintf("%x", sum[:16]))
}
