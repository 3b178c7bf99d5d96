package filtertest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

// Recorder writes a test file from Events. Its cases expect what a filter list
// decides on them today. Events that the list cannot distinguish are one case, so
// the file does not grow with the number of Events.
type Recorder struct {
	// Filters is the path of the filter file, relative to the test file.
	Filters string
	// Config is the filter file.
	Config *config.Config
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool

	cases    []recorded
	seenKeys map[string]bool
	seen     int
}

// recorded is one case.
type recorded struct {
	event map[string]any
	want  filter.Verdict
	topic string
	about string
}

// Add records one Event.
func (r *Recorder) Add(e *corev1.Event) error {
	if r.seenKeys == nil {
		r.seenKeys = map[string]bool{}
	}
	r.seen++
	d := decide.Decider{Filters: r.Config.Filters, AllowBrigadeEvents: r.AllowBrigadeEvents}
	verdict := d.Decide(e)
	reduced, err := r.reduced(d, e, verdict)
	if err != nil {
		return err
	}
	key, err := json.Marshal([]any{reduced, verdict.By})
	if err != nil {
		return fmt.Errorf("recording Event %s: %w", event.Key(e), err)
	}
	if r.seenKeys[string(key)] {
		return nil
	}
	r.seenKeys[string(key)] = true
	r.cases = append(r.cases, recorded{event: reduced, want: verdict, topic: brigade.EventType(e), about: aboutOf(e, reduced)})
	return nil
}

// aboutOf returns the part of a case's name that says where the Event occurred, and
// the involved object if the case has its name.
func aboutOf(e *corev1.Event, keys map[string]any) string {
	o := e.InvolvedObject
	switch {
	case keys["name"] != nil || keys["metadata"] != nil:
		return " about " + strings.TrimPrefix(event.Object(e), o.Kind+" ")
	case o.Namespace != "":
		return " in " + o.Namespace
	default:
		return ""
	}
}

// reduced returns the keys of an Event that the list uses, or the whole Event if
// those alone have another verdict.
func (r *Recorder) reduced(d decide.Decider, e *corev1.Event, verdict filter.Verdict) (map[string]any, error) {
	o := e.InvolvedObject
	looked := map[string]bool{}
	for _, key := range r.Config.Filters.Keys() {
		looked[key] = true
	}
	short := map[string]any{"kind": o.Kind, "namespace": o.Namespace, "reason": e.Reason}
	add := func(key string, value any) {
		if looked[key] || looked["expression"] {
			short[key] = value
		}
	}
	add("name", o.Name)
	add("type", e.Type)
	add("component", event.Component(e))
	if looked["expression"] {
		short["message"] = e.Message
		short["count"] = event.Count(e)
		short["at"] = event.Occurred(e).UTC().Format(time.RFC3339)
	}
	if decide.Loop(e) { // the short keys do not show it
		return wholeOf(e)
	}
	same, err := r.decidesAlike(d, short, verdict)
	if err != nil || same {
		return short, err
	}
	return wholeOf(e)
}

// decidesAlike reports whether an Event with only these keys has the verdict.
func (r *Recorder) decidesAlike(d decide.Decider, keys map[string]any, verdict filter.Verdict) (bool, error) {
	data, err := yaml.Marshal(keys)
	if err != nil {
		return false, fmt.Errorf("recording: %w", err)
	}
	document, err := config.ReadDocument("recording", data, shape())
	if err != nil {
		return false, fmt.Errorf("recording: %w", err)
	}
	p := &parser{document: document}
	events := p.occurrences(&sequence{}, document.Root, "")
	if len(p.faults) > 0 || len(events) != 1 {
		return false, nil
	}
	got := d.Decide(events[0])
	return got.By == verdict.By && got.Action == verdict.Action, nil
}

// wholeOf returns all fields of an Event.
func wholeOf(e *corev1.Event) (map[string]any, error) {
	e = e.DeepCopy()
	e.APIVersion, e.Kind = "v1", "Event"
	e.ManagedFields = nil
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("recording Event %s: %w", event.Key(e), err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("recording Event %s: %w", event.Key(e), err)
	}
	return fields, nil
}

// Seen returns the numbers of recorded Events and of cases.
func (r *Recorder) Seen() (events, cases int) {
	return r.seen, len(r.cases)
}

// Write writes the test file.
func (r *Recorder) Write(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Recorded from %s by k8s-gateway test --record: what the filters decide today.\n", printable.Count(r.seen, "Event"))
	fmt.Fprintf(&b, "filters: %s\n", quote(r.Filters))
	if r.AllowBrigadeEvents {
		b.WriteString("allowBrigadeEvents: true\n")
	}
	b.WriteString("tests:\n")
	names := map[string]int{}
	for i := range r.cases {
		c := &r.cases[i]
		name := fmt.Sprintf("%s%s is %sed by %s", c.topic, c.about, c.want.Action, c.want.By)
		names[name]++
		if names[name] > 1 {
			name += fmt.Sprintf(" (%d)", names[name])
		}
		fmt.Fprintf(&b, "  - name: %s\n    event: %s\n    expect: {verdict: %s, by: %q", quote(name), flow(c.event), c.want.Action, c.want.By)
		if c.want.Action == filter.Accept {
			if c.want.Destination != "" {
				fmt.Fprintf(&b, ", destination: %s", quote(c.want.Destination))
			} else {
				fmt.Fprintf(&b, ", project: %s", quote(c.want.Project))
			}
			fmt.Fprintf(&b, ", eventType: %s", quote(c.topic))
			if c.want.Destination == "" && c.want.CommitRef != r.Config.CommitRef {
				fmt.Fprintf(&b, ", commitRef: %s", quote(c.want.CommitRef))
			}
			if c.want.LogLevel != "" {
				fmt.Fprintf(&b, ", logLevel: %s", c.want.LogLevel)
			}
		}
		b.WriteString("}\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// quote returns text in quotes that YAML and JSON both read.
func quote(text string) string {
	return strconv.Quote(text)
}

// flow returns an Event on one line, with the short keys first. The values are JSON,
// which is YAML too.
func flow(keys map[string]any) string {
	order := shorthand()
	sorted := slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		i, j := slices.Index(order, a), slices.Index(order, b)
		switch {
		case i >= 0 && j >= 0:
			return i - j
		case i >= 0:
			return -1
		case j >= 0:
			return 1
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, 0, len(sorted))
	for _, key := range sorted {
		value, err := json.Marshal(keys[key])
		if err != nil {
			continue // it came from JSON
		}
		parts = append(parts, key+": "+string(value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
