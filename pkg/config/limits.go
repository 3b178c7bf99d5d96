package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// maxLimit is the largest value of any limit. It is beyond what one control
// plane can do, so it takes nothing from anyone, and it keeps a few extra
// zeros from meaning "no limit at all".
const maxLimit = 1_000_000

// limits reads the `limits` section. What it does not set keeps its default.
func (r *reader) limits(node *yaml.Node) limit.Limits {
	limits := limit.DefaultLimits()
	settings := []struct {
		key   string
		low   int
		value *int
	}{
		{"buildsPerMinute", 1, &limits.BuildsPerMinute},
		{"burst", 1, &limits.Burst},
		{"activeBuilds", 0, &limits.ActiveBuilds},
		{"queued", 1, &limits.Queued},
	}
	allowed := make([]string, len(settings))
	for i, s := range settings {
		allowed[i] = s.key
	}
	entries := r.mapping(node, "limits", allowed...)
	for _, s := range settings {
		e, ok := entries[s.key]
		if !ok || isNull(e.value) {
			continue
		}
		if n, ok := r.integer(e.value, "limits."+s.key, s.low, maxLimit); ok {
			*s.value = n
		}
	}
	return limits
}
