package filter

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

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
