package position

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// Scope is what one list or watch reads: the Events of one namespace, or of all
// namespaces if it is empty. Each scope has its own position.
type Scope string

// AllNamespaces is the scope of all Events.
const AllNamespaces Scope = ""

const (
	allKey          = "all-namespaces"
	namespacePrefix = "namespace."
)

// String returns the name of the scope in logs and metrics.
func (s Scope) String() string {
	if s == AllNamespaces {
		return "all namespaces"
	}
	return fmt.Sprintf("namespace %s", string(s))
}

// key returns the key of the scope in the ConfigMap.
func (s Scope) key() string {
	if s == AllNamespaces {
		return allKey
	}
	return namespacePrefix + string(s)
}

// scopeOf returns the scope of a key, and false for other keys.
func scopeOf(key string) (Scope, bool) {
	if key == allKey {
		return AllNamespaces, true
	}
	namespace, ok := strings.CutPrefix(key, namespacePrefix)
	return Scope(namespace), ok && namespace != ""
}

// Keys returns the keys of positions in the data of a ConfigMap, sorted.
func Keys(data map[string]string) []string {
	return slices.Sorted(maps.Keys(positionsIn(data)))
}

// nothingDone is the stored position of a scope in which nothing is done yet. It
// is not a resourceVersion of any object (KEP-5504).
const nothingDone = "0"

// Positions has the position of each scope that is or was watched. A position is
// empty if nothing is done yet.
type Positions map[Scope]string

// Of returns the position from which to start a scope, and false if there is none.
// A scope that was never watched starts from the lowest position of all: the
// Events of a cluster share one history, and Events after that position occurred
// while a gateway was running.
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

// Lower returns for each scope of p the lower one of its positions in p and in q.
func (p Positions) Lower(q Positions) Positions {
	lower := maps.Clone(p)
	for scope, other := range q {
		if own, ok := lower[scope]; ok && event.CompareVersions(other, own) < 0 {
			lower[scope] = other
		}
	}
	return lower
}

// Ahead reports whether the position is ahead of the current resourceVersion of
// the cluster. Such a position is from another history, because the cluster was
// restored from a backup or created again.
func Ahead(position, current string) bool {
	return event.CompareVersions(position, current) > 0
}

// WentBack reports whether an object is older at the resourceVersion now than it was
// before, because the cluster was restored from a backup. It is false if one of them
// is not a resourceVersion.
func WentBack(before, now string) bool {
	return event.IsVersion(before) && event.IsVersion(now) && Ahead(before, now)
}
