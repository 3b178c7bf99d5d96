package simulation

import (
	"fmt"
	"slices"
	"time"
)

const (
	// starts is how long a term may take until it writes: the first lists are
	// waited for.
	starts = 35 * time.Second
	// slack is how many fewer arrive than the pace allows: those of a bucket that
	// was empty, and of a moment.
	slack = 2
)

// checkIndependence: while a build waits for a destination that works, as many arrive
// there, repeats included, as its limits allow, whatever happens at the others.
func (s *simulation) checkIndependence() []string {
	r := s.server.record
	var faults []string
	byVersion := s.byVersion()
	for _, b := range r.created {
		v := byVersion[b.version]
		if v == nil || b.erased || b.sent.Before(r.restored) || s.activeAt(b.at) > 0 && b.destination == brigadeName {
			continue
		}
		read, ok := v.readBy(b.term)
		if from := b.term.began.Add(starts); from.After(read) {
			read = from
		}
		if !ok || read.After(b.sent) || !s.calm(b.destination, read, b.sent) || s.disturbed(read, b.sent) {
			continue
		}
		arrived := 0
		for _, other := range r.arrived(b.destination) {
			if other.at.After(read) && other.sent.Before(b.sent) {
				arrived++
			}
		}
		if rate := s.slowest(read, b.sent); float64(arrived+slack) < rate*b.sent.Sub(read).Seconds() {
			faults = append(faults, fmt.Sprintf("%s for %s, read at %s and sent at %s, waited though only %d arrived there meanwhile",
				b.name, b.destination, s.when(read), s.when(b.sent), arrived))
		}
	}
	return faults
}

// disturbed reports whether the position or the history was removed between two
// moments, or shortly before.
func (s *simulation) disturbed(from, until time.Time) bool {
	between := func(at time.Time) bool { return at.After(from.Add(-time.Minute)) && at.Before(until) }
	return between(s.server.record.restored) || slices.ContainsFunc(s.tampered, between)
}

// slowest returns the lowest pace between two moments, in a second.
func (s *simulation) slowest(from, until time.Time) float64 {
	lowest := 0.0
	for _, c := range s.filesBetween(from, until) {
		if rate := float64(c.parsed.Limits.BuildsPerMinute) / 60; lowest == 0 || rate < lowest {
			lowest = rate
		}
	}
	return lowest
}
