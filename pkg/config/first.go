package config

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// warnAboutFirst warns about what the first gateway understood differently. Its
// documentation said that * matches all namespaces, but its code compared it as
// text, so an accepting filter with it built nothing. A file is one of the first
// gateway's if it is JSON, or values of its chart, and has no newer key.
func (r *reader) warnAboutFirst(root *yaml.Node, filters []*filterNode) {
	if root.Style&yaml.FlowStyle == 0 && !r.values {
		return
	}
	known := []string{"action", "namespace", "kind", "reasons"}
	for _, f := range filters {
		for key := range f.entries {
			if !slices.Contains(known, key) {
				return
			}
		}
	}
	for _, f := range filters {
		if f.rule.Action != filter.Accept || !slices.Equal(f.rule.Namespace, []string{"*"}) {
			continue
		}
		namespace := itemsOf(f.entries["namespace"].value)[0]
		r.warn(at(namespace), f.pathOf("namespace"),
			"* matches every namespace; it matched none in the first gateway, so this filter built nothing there; name the namespaces, or remove the filter")
	}
}
