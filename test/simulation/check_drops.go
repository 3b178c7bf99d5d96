package simulation

import (
	"time"
)

// checkDrops: a build is dropped only while limits.queued others wait, and only from
// a longest flow.
func (s *simulation) checkDrops() []string {
	if len(s.atEnd) > s.droppedAtEnd {
		return nil // lost, not dropped, as checkOwed says
	}
	var faults []string
	for _, v := range s.atEnd {
		full, longest := len(v.read) == 0, len(v.read) == 0
		for _, read := range v.read {
			own, ok := s.agreed(v, read.at, read.at)
			for _, at := range s.moments(read) {
				total, flow := s.waitingAtMost(read.term, at, own.flow)
				full = full || !ok || total >= s.queuedAt(at)
				longest = longest || !ok || flow >= s.longestAtLeast(read.term, at)
			}
		}
		switch {
		case !full:
			faults = append(faults, show(v)+" was dropped though fewer than limits.queued waited")
		case !longest:
			faults = append(faults, show(v)+" was dropped though more waited of another flow")
		}
	}
	return faults
}

// moments returns when builds may have been dropped since a reading: when its
// term read something, and when the filter file was changed.
func (s *simulation) moments(from reading) []time.Time {
	at := []time.Time{from.at}
	for _, c := range s.used {
		if c.from.After(from.at) && (from.term.ended.IsZero() || c.from.Before(from.term.ended)) {
			at = append(at, c.from.Add(time.Millisecond))
		}
	}
	for _, v := range s.server.record.all {
		if next, ok := v.readBy(from.term); ok && next.After(from.at) {
			at = append(at, next)
		}
	}
	return at
}

// waitingAtMost returns how many builds may have waited at a moment, of all
// flows and of the given one. Builds of an earlier term count: where no position
// was stored they wait until the API server says that they exist.
func (s *simulation) waitingAtMost(t *term, at time.Time, flow string) (all, own int) {
	waiting := map[string]string{}
	for _, v := range s.server.record.all {
		read, ok := v.readBy(t)
		if !ok || read.After(at) {
			continue
		}
		for _, c := range s.inForce(v.created, at) {
			if a := c.of(v); a.name != "" {
				if b := s.server.record.builds[a.name]; b == nil || b.term != t || !b.at.Before(at) {
					waiting[a.name] = a.flow
				}
			}
		}
	}
	for _, f := range waiting {
		if f == flow {
			own++
		}
	}
	return len(waiting), own
}

// longestAtLeast returns how many builds certainly waited in the longest flow:
// they were read before, and built later by the same term.
func (s *simulation) longestAtLeast(t *term, at time.Time) int {
	flows := map[string]int{}
	longest := 0
	for _, v := range s.server.record.all {
		read, ok := v.readBy(t)
		if !ok || read.After(at) {
			continue
		}
		for _, b := range s.server.record.created {
			if b.version == v.event.ResourceVersion && b.term == t && b.sent.After(at) {
				flows[b.flow]++
				longest = max(longest, flows[b.flow])
			}
		}
	}
	return longest
}

// queuedAt returns the lowest limits.queued at a moment.
func (s *simulation) queuedAt(at time.Time) int {
	lowest := 0
	for _, c := range s.inForce(at, at) {
		if queued := c.parsed.Limits.Queued; lowest == 0 || queued < lowest {
			lowest = queued
		}
	}
	return lowest
}
