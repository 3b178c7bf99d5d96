package position

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// Scope is what is listed and watched as one: the Events of one namespace, or
// of all namespaces where it is empty. Each scope has a position of its own.
type Scope string

// AllNamespaces is the scope of all Events.
const AllNamespaces Scope = ""

const (
	allKey          = "all-namespaces"
	namespacePrefix = "namespace."
)

// String names the scope in logs and metrics.
func (s Scope) String() string {
	if s == AllNamespaces {
		return "all namespaces"
	}
	return fmt.Sprintf("namespace %s", string(s))
}

// key is the scope's key in the ConfigMap.
func (s Scope) key() string {
	if s == AllNamespaces {
		return allKey
	}
	return namespacePrefix + string(s)
}

// scopeOf returns the scope with the given key, and whether it is one.
func scopeOf(key string) (Scope, bool) {
	if key == allKey {
		return AllNamespaces, true
	}
	namespace, ok := strings.CutPrefix(key, namespacePrefix)
	return Scope(namespace), ok && namespace != ""
}

// Keys returns the keys of a ConfigMap's data that hold positions, in order.
func Keys(data map[string]string) []string {
	return slices.Sorted(maps.Keys(positionsIn(data)))
}

// nothingDone is how the position of a scope is stored in which nothing is done
// yet. It is no resourceVersion of anything (KEP-5504 keeps it from being one).
const nothingDone = "0"

// Positions holds the position of each scope that is or was watched. It is
// empty for a scope in which nothing is done yet.
type Positions map[Scope]string

// Of returns the position to start the given scope from, and false where there
// is none. A scope that was never watched starts from the lowest position of
// those that were: all Events of a cluster share one history, and what occurred
// after that position occurred while the gateway was at work.
func (p Positions) Of(scope Scope) (string, bool) {
	if own, ok := p[scope]; ok {
		return own, true
	}
	lowest, found := "", false
	for _, version := range p {
		if !found || event.CompareVersions(version, lowest) < 0 {
			lowest, found = version, true
		}
	}
	return lowest, found
}

// Ahead reports whether the position is ahead of the given resourceVersion,
// which is the cluster's current one. Such a position comes from another
// history: the cluster was restored from a backup, or created again.
func Ahead(position, current string) bool {
	return event.CompareVersions(position, current) > 0
}
