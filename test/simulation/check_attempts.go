package simulation

import (
	"fmt"
	"slices"
	"time"
)

const (
	// settles is how long the gateway may take to slow down after writing began to
	// fail, because calls in progress fail first.
	settles = 10 * time.Second
	// attemptsAMinute is how many creates it may send then.
	attemptsAMinute = 45
)

// checkAttempts: while writing fails for a reason that is not the build's own, few
// attempts are made. Those after a build that was created do not count: another
// fault can take the place of this one for some requests, and then writing works.
func (s *simulation) checkAttempts() []string {
	var faults []string
	for _, f := range s.server.faults {
		if !f.stopsBuilds() {
			continue
		}
		n := 0
		for _, a := range s.server.record.attempts {
			if a.at.After(f.from.Add(settles)) && a.at.Before(f.until) && !s.createdShortlyBefore(a.at) {
				n++
			}
		}
		allowed := attemptsAMinute * max(f.until.Sub(f.from)-settles, 10*time.Second).Minutes()
		if float64(n) > allowed {
			faults = append(faults, fmt.Sprintf("%d attempts to create a build between %s and %s, while there was %s (%.0f allowed)",
				n, s.when(f.from.Add(settles)), s.when(f.until), f, allowed))
		}
	}
	return faults
}

// createdShortlyBefore reports whether a build was created shortly before the given time.
func (s *simulation) createdShortlyBefore(t time.Time) bool {
	return slices.ContainsFunc(s.server.record.created, func(b *build) bool { return b.at.Before(t) && t.Sub(b.at) < settles })
}
