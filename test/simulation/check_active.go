package simulation

import (
	"fmt"
	"slices"
	"time"
)

// unseen is how long a build without a worker pod counts, as documented.
const unseen = 2 * time.Minute

// checkActive: never more builds are active than activeBuilds.
func (s *simulation) checkActive() []string {
	var faults []string
	created := slices.DeleteFunc(slices.Clone(s.server.record.created), func(b *build) bool { return b.destination != brigadeName })
	for i, b := range created {
		limit := s.activeAt(b.at)
		if limit == 0 {
			continue
		}
		active := 1
		for _, other := range created[:i] {
			if s.counts(other, b) {
				active++
			}
		}
		if active > limit {
			faults = append(faults, fmt.Sprintf("build %s, created at %s, made %d active builds, %d allowed", b.name, s.when(b.at), active, limit))
		}
	}
	return faults
}

// counts reports whether other was active, and could be known to be, when b
// was created.
func (s *simulation) counts(other, b *build) bool {
	r := s.server.record
	switch {
	case !other.ended.IsZero() && !other.ended.After(b.at):
		return false
	case other.at.Before(r.restored) && !b.at.Before(r.restored), other.erased:
		return false // the history went back, and its pods with it
	case r.saw[b.process][other.name]:
		return true
	case other.term == b.term:
		return b.at.Sub(other.at) < unseen && s.activeAt(other.at) > 0
	default:
		// Another term created it, and its pod has not appeared yet.
		return other.appeared.IsZero() || other.appeared.After(b.at)
	}
}

// activeAt returns the highest limit at a moment, 0 for none.
func (s *simulation) activeAt(at time.Time) int {
	limit := 0
	for i, c := range s.used {
		if ended, ends := s.replaced(i); at.Before(c.from) || ends && at.After(ended) {
			continue
		}
		if c.parsed.Limits.ActiveBuilds == 0 {
			return 0
		}
		limit = max(limit, c.parsed.Limits.ActiveBuilds)
	}
	return limit
}
