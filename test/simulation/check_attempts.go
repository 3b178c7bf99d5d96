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
// attempts are made. Those after a build that was created, or a message that was refused,
// do not count: another fault can take the place of this one for some requests, and then
// writing works, and a receiver that refuses a message answers.
func (s *simulation) checkAttempts() []string {
	var faults []string
	for _, f := range s.server.faults {
		if f.stopsBuilds() {
			faults = append(faults, s.checkAttemptsDuring(f, brigadeName)...)
		}
	}
	for _, f := range s.server.receiverFaults {
		if f.stopsMessages() {
			faults = append(faults, s.checkAttemptsDuring(f, f.resources[0])...)
		}
	}
	return append(faults, s.checkRetryAfter()...)
}

// checkAttemptsDuring checks the attempts at a destination during a fault.
func (s *simulation) checkAttemptsDuring(f *fault, destination string) []string {
	var faults []string
	n := 0
	for _, a := range s.server.record.attempts {
		if a.destination == destination && a.at.After(f.from.Add(settles)) && a.at.Before(f.until) && !s.answeredShortlyBefore(destination, a.at) {
			n++
		}
	}
	allowed := attemptsAMinute * max(f.until.Sub(f.from)-settles, 10*time.Second).Minutes()
	if float64(n) > allowed {
		faults = append(faults, fmt.Sprintf("%d attempts at %s between %s and %s, while there was %s (%.0f allowed)",
			n, destination, s.when(f.from.Add(settles)), s.when(f.until), f, allowed))
	}
	return faults
}

// answeredShortlyBefore reports whether a build was created, or a message taken or
// refused, at the destination shortly before the given time.
func (s *simulation) answeredShortlyBefore(destination string, t time.Time) bool {
	shortly := func(at time.Time) bool { return at.Before(t) && t.Sub(at) < settles }
	return slices.ContainsFunc(s.server.record.created, func(b *build) bool { return b.destination == destination && shortly(b.at) }) ||
		slices.ContainsFunc(s.server.record.refused[destination], shortly)
}

// checkRetryAfter: a receiver that answers 429 gets no attempts for as long as it asks,
// except for those in progress, which begin at the same moment in fake time, and after
// an edit, a start or a change of leader.
func (s *simulation) checkRetryAfter() []string {
	var faults []string
	for _, f := range s.server.receiverFaults {
		if f.kind != throttled || !f.stopsMessages() {
			continue
		}
		var last *attempt
		for _, a := range s.server.record.attempts {
			if a.destination != f.resources[0] || a.at.Before(f.from.Add(settles)) || !a.at.Before(f.until) {
				continue
			}
			if last != nil && last.process == a.process && a.at.After(last.at) && a.at.Sub(last.at) < retryAfter &&
				s.calmFile(last.at, a.at) && !s.begins(a.process, last.at, a.at) && !s.overlaps(f, last.at, a.at) {
				faults = append(faults, fmt.Sprintf("attempts at %s at %s and %s, while it answered 429 and asked for %s",
					a.destination, s.when(last.at), s.when(a.at), retryAfter))
			}
			last = a
		}
	}
	return faults
}

// overlaps reports whether the receiver of f has another fault between two moments.
func (s *simulation) overlaps(f *fault, from, until time.Time) bool {
	return slices.ContainsFunc(s.server.receiverFaults, func(other *fault) bool {
		return other != f && other.resources[0] == f.resources[0] && other.from.Before(until) && other.until.After(from.Add(-settles))
	})
}

// begins reports whether a process began to lead between two moments.
func (s *simulation) begins(p *process, from, until time.Time) bool {
	return slices.ContainsFunc(s.server.record.terms, func(t *term) bool {
		return t.process == p && t.began.After(from) && t.began.Before(until)
	})
}

// calmFile reports whether the filter file stayed between two moments.
func (s *simulation) calmFile(from, until time.Time) bool {
	return !slices.ContainsFunc(s.used[1:], func(c *plannedConfig) bool {
		return !c.from.After(until) && (c.used.IsZero() || c.used.After(from))
	})
}
