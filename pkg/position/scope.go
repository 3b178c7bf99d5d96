package position

import (
	"fmt"
	"strings"
)

// Scope is what one informer watches: the Events of one namespace, or of all
// namespaces where it is empty. Each scope has a position of its own.
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

// Positions holds the position of each scope that has one.
type Positions map[Scope]string

// Of returns the position to start the given scope from, or the empty string
// where there is none. A scope that has none of its own, because the watched
// namespaces were changed, starts from the lowest there is: all Events of a
// cluster share one history, and everything that occurred after that position
// occurred while the gateway was at work.
func (p Positions) Of(scope Scope) string {
	if own, ok := p[scope]; ok {
		return own
	}
	lowest := ""
	for _, version := range p {
		if lowest == "" || compare(version, lowest) < 0 {
			lowest = version
		}
	}
	return lowest
}

// Ahead tells whether the position is ahead of the given resourceVersion,
// which is the cluster's current one. Such a position comes from another
// history: the cluster was restored or built anew.
func Ahead(position, current string) bool {
	return compare(position, current) > 0
}
