package filter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// MinWindow is the shortest OncePer window, because core/v1 Events have times
	// in whole seconds (metav1.Time).
	MinWindow = time.Second
	// MaxWindow is the longest OncePer window. Events are kept much shorter (an
	// hour by default, --event-ttl of kube-apiserver), and a mistyped unit must
	// not silence a filter forever.
	MaxWindow = 365 * 24 * time.Hour

	occurrence = "occurrence"
)

// OncePer is which Events share a build. The zero value is one build per Event
// object, however often its count rises. At most one of Window and Occurrence is
// set.
type OncePer struct {
	// Window, if positive, is one build per involved object and reason in each
	// window of that length.
	Window time.Duration
	// Occurrence is one build for every count of the Event.
	Occurrence bool
	// GroupBy, which needs a Window, is which Events of a window share a build.
	GroupBy Group
	// Filter distinguishes groups of different filters: the filter's ID, or a
	// hash of its conditions. Compile sets it if there is a GroupBy.
	Filter string
}

// ParseOncePer parses oncePer of a filter file: "occurrence", or a Go duration of
// whole seconds from MinWindow to MaxWindow, for example "10m" or "1h30m". Empty
// text is the zero OncePer.
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

// String returns the text that ParseOncePer parses: "" for the zero value,
// "occurrence", or the window without units that are zero.
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

// check returns what is wrong with o.
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

func outOfRange(window time.Duration) error {
	return fmt.Errorf("%s is out of range; allowed is %s to %s",
		window, OncePer{Window: MinWindow}, OncePer{Window: MaxWindow})
}

// Group is a set of facts. Events of a window that have the same value of each
// share a build. The zero Group is that of a filter without groupBy: the
// involved object and the reason.
type Group uint8

// grouped marks a Group that is set, because one without facts can be set too.
const grouped Group = 1 << 7

// groupFacts returns the facts that can be grouped by, in the order of
// GroupKeys.
func groupFacts() []fact {
	return []fact{factNamespace, factKind, factName, factReason, factType, factComponent}
}

// GroupKeys returns the allowed keys of groupBy.
func GroupKeys() []string {
	keys := make([]string, 0, factCount)
	for _, f := range groupFacts() {
		keys = append(keys, f.String())
	}
	return keys
}

// With returns g with another key.
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

// IsSet reports whether g has any key, or is the Group of all Events.
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

// Values returns the value of e for each key of g.
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

// String returns the keys as in a filter file, and "" for the zero Group.
func (g Group) String() string {
	if !g.IsSet() {
		return ""
	}
	return "[" + strings.Join(g.Keys(), ", ") + "]"
}

// Describe returns which Events share a build with e, as readable text:
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
