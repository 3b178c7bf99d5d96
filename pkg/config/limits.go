package config

import (
	"math"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// maxLimit is the maximum of any limit. It is more than a control plane can do, and
// refuses a number with a few zeros too many, which would not limit anything.
const maxLimit = 1_000_000

// limits reads the `limits` section. Missing keys keep their defaults.
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

// longestWait is how long a build may wait before its Event is likely to be deleted:
// the API server keeps Events for an hour (--event-ttl of kube-apiserver), of which
// a quarter is left for outages.
const longestWait = 45 * time.Minute

// warnAboutWait warns about limits that let a build wait until its Event is deleted.
// A gateway that restarts does not find such an Event again, and does not build it.
func (r *reader) warnAboutWait(node *yaml.Node, limits limit.Limits) {
	waiting := limits.Queued - limits.Burst
	if node.Kind != yaml.MappingNode || time.Duration(waiting)*time.Minute/time.Duration(limits.BuildsPerMinute) <= longestWait {
		return
	}
	wait := time.Duration(waiting) * time.Minute / time.Duration(limits.BuildsPerMinute)
	p := at(node)
	for _, key := range []string{"buildsPerMinute", "queued"} {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				p = at(resolve(node.Content[i+1]))
			}
		}
	}
	r.warn(p, "limits", "the last of %d waiting builds starts after %d minutes at %d a minute, and Kubernetes keeps an Event for 60: "+
		"a restart then loses what still waits; write queued: %d or less, or raise buildsPerMinute",
		limits.Queued, int(math.Round(wait.Minutes())), limits.BuildsPerMinute,
		int(longestWait.Minutes())*limits.BuildsPerMinute)
}
