package filter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// MinWindow is the shortest OncePer window. Core/v1 Events carry times of
	// whole seconds (metav1.Time is stored so), so nothing shorter can be told
	// apart.
	MinWindow = time.Second
	// MaxWindow is the longest OncePer window. A year is far beyond what any
	// Event is kept for (an hour by default, kube-apiserver's --event-ttl), and
	// keeps a mistyped unit from silencing a filter for good.
	MaxWindow = 365 * 24 * time.Hour

	occurrence = "occurrence"
)

// OncePer says what counts as the same thing, so that it is built once. The
// zero value is one build per Event object, however often its count rises.
// At most one of the fields is set.
type OncePer struct {
	// Window, where positive, is one build per involved object and reason in
	// each window of that length.
	Window time.Duration
	// Occurrence is one build for every count of the Event.
	Occurrence bool
	// GroupBy, which goes with a Window, says which Events of it share a build.
	GroupBy Group
	// Filter, which Compile sets where there is a GroupBy, tells groups of
	// different filters apart: the filter's ID, or a hash of its conditions.
	Filter string
}

// ParseOncePer reads the file's form of OncePer: "occurrence", or a Go
// duration of whole seconds from MinWindow to MaxWindow, for example "10m" or
// "1h30m". Empty text is the zero OncePer.
func ParseOncePer(text string) (OncePer, error) {
	switch text {
	case "":
		return OncePer{}, nil
	case occurrence:
		return OncePer{Occurrence: true}, nil
	}
	window, err := time.ParseDuration(text)
	if err != nil {
		return OncePer{}, fmt.Errorf("%q is neither a duration nor %s; write for example 30s, 10m, 1h30m or %s",
			text, occurrence, occurrence)
	}
	if window == 0 {
		return OncePer{}, outOfRange(window)
	}
	o := OncePer{Window: window}
	if err := o.check(); err != nil {
		return OncePer{}, err
	}
	return o, nil
}

// String returns what ParseOncePer reads back: "" for the zero value,
// "occurrence", or the window without the units that are zero.
func (o OncePer) String() string {
	switch {
	case o.Occurrence:
		return occurrence
	case o.Window == 0:
		return ""
	}
	// Duration prints 10m as 10m0s and 1h as 1h0m0s.
	text := o.Window.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// check says what is wrong with a window, and nil where there is none.
func (o OncePer) check() error {
	switch {
	case o.GroupBy.IsSet() && o.Window == 0:
		return errors.New("groupBy needs a window to group in; write oncePer, for example 10m")
	case o == OncePer{}, o == OncePer{Occurrence: true}:
		return nil
	case o.Occurrence:
		return fmt.Errorf("a window and %s at once; choose one", occurrence)
	case o.Window < MinWindow || o.Window > MaxWindow:
		return outOfRange(o.Window)
	case o.Window%time.Second != 0:
		return fmt.Errorf("%s is not a whole number of seconds; Events carry no finer time", o.Window)
	default:
		return nil
	}
}

// outOfRange is the error of a window that is too short or too long.
func outOfRange(window time.Duration) error {
	return fmt.Errorf("%s is out of range; allowed is %s to %s",
		window, OncePer{Window: MinWindow}, OncePer{Window: MaxWindow})
}

// Group says which facts about an Event tell the builds of one window apart:
// Events that agree in all of them share a build. The zero Group is that of a
// filter without groupBy: the involved object and the reason.
type Group uint8

// grouped marks a Group that was set, for one without any fact is a Group too.
const grouped Group = 1 << 7

// groupFacts are the facts that can be grouped by, in the order of a Group's
// keys.
func groupFacts() []fact {
	return []fact{factNamespace, factKind, factName, factReason, factType, factComponent}
}

// GroupKeys returns the words for what can be grouped by.
func GroupKeys() []string {
	keys := make([]string, 0, factCount)
	for _, f := range groupFacts() {
		keys = append(keys, f.String())
	}
	return keys
}

// With returns g with one key more.
func (g Group) With(key string) (Group, error) {
	for _, f := range groupFacts() {
		if f.String() == key {
			return g | grouped | 1<<f, nil
		}
	}
	return g, fmt.Errorf("unknown key %q; allowed are %s", key, strings.Join(GroupKeys(), ", "))
}

// All returns the Group in which all Events of a window share one build.
func (Group) All() Group { return grouped }

// IsSet reports whether g is other than the zero Group.
func (g Group) IsSet() bool { return g != 0 }

// Keys returns the keys of g, in the order of GroupKeys.
func (g Group) Keys() []string {
	var keys []string
	for _, f := range groupFacts() {
		if g&(1<<f) != 0 {
			keys = append(keys, f.String())
		}
	}
	return keys
}

// Values returns what e has for each of the keys of g.
func (g Group) Values(e *corev1.Event) []string {
	facts := factsOf(e)
	var values []string
	for _, f := range groupFacts() {
		if g&(1<<f) != 0 {
			values = append(values, facts[f])
		}
	}
	return values
}

// String returns the keys as a filter file has them, and "" for the zero Group.
func (g Group) String() string {
	if !g.IsSet() {
		return ""
	}
	return "[" + strings.Join(g.Keys(), ", ") + "]"
}

// Describe says which Events share a build with e, for people to read:
// "namespace pequod, reason BackOff".
func (g Group) Describe(e *corev1.Event) string {
	values := g.Values(e)
	parts := g.Keys()
	if len(parts) == 0 {
		return "all Events of the filter"
	}
	for i, key := range parts {
		value := values[i]
		if value == "" {
			value = "none"
		}
		parts[i] = key + " " + value
	}
	return strings.Join(parts, ", ")
}
