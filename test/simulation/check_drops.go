package simulation

import (
	"slices"
	"time"
)

// checkDrops: a build or message is dropped only while as many others wait as its
// destination's share of limits.queued, and only from a longest flow.
func (s *simulation) checkDrops() []string {
	if !s.accounted(s.atEnd, s.droppedAtEnd) {
		return nil // lost, not dropped, as checkOwed says
	}
	var faults []string
	for _, v := range slices.Concat(s.atEnd[brigadeName], s.atEnd["west"], s.atEnd["east"]) {
		full, longest := len(v.read) == 0, len(v.read) == 0
		for _, read := range v.read {
			own, ok := s.agreed(v, read.at, read.at)
			for _, at := range s.moments(read) {
				total, flow := s.waitingAtMost(read.term, at, own)
				full = full || !ok || total >= s.queuedAt(read.term, at)
				longest = longest || !ok || flow >= s.longestAtLeast(read.term, at, own.destination)
			}
		}
		switch {
		case !full:
			faults = append(faults, show(v)+" was dropped though fewer than its share of limits.queued waited")
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

// waitingAtMost returns how many builds may have waited at a moment for the
// destination of the given one, of all flows and of its flow. Builds of an earlier
// term, or of before a restore, count: if their Events are read again they wait until the
// API server answers that they exist.
func (s *simulation) waitingAtMost(t *term, at time.Time, of asked) (all, own int) {
	waiting := map[string]string{}
	for _, v := range s.server.record.all {
		read, ok := v.readBy(t)
		if !ok || read.After(at) {
			continue
		}
		for _, c := range s.filesBetween(v.created, at) {
			if a := c.of(v); a.name != "" && a.destination == of.destination {
				if b := s.server.record.builds[a.name]; b == nil || b.term != t || !b.over(at) || s.restoredBetween(b.at, at) {
					waiting[a.name] = a.flow
				}
			}
		}
	}
	for _, f := range waiting {
		if f == of.flow {
			own++
		}
	}
	return len(waiting), own
}

// restoredBetween reports whether the history went back between two moments.
func (s *simulation) restoredBetween(from, until time.Time) bool {
	restored := s.server.record.restored
	return restored.After(from) && restored.Before(until)
}

// over reports whether a build or message waited no more at a moment: a message is
// sent until that is answered.
func (b *build) over(at time.Time) bool {
	if b.destination != brigadeName {
		return !b.answered.IsZero() && b.answered.Before(at)
	}
	return b.at.Before(at)
}

// longestAtLeast returns how many builds certainly waited in the longest flow:
// they were read before, and built later by the same term.
func (s *simulation) longestAtLeast(t *term, at time.Time, destination string) int {
	flows := map[string]int{}
	longest := 0
	for _, v := range s.server.record.all {
		read, ok := v.readBy(t)
		if !ok || read.After(at) {
			continue
		}
		for _, b := range s.server.record.created {
			if b.destination == destination && b.version == v.event.ResourceVersion && b.term == t && b.sent.After(at) {
				flows[b.flow]++
				longest = max(longest, flows[b.flow])
			}
		}
	}
	return longest
}

// queuedAt returns the lowest share of limits.queued at a moment. Messages that wait
// for a destination that the file no longer has keep its share.
func (s *simulation) queuedAt(t *term, at time.Time) int {
	lowest := 0
	for _, c := range s.filesBetween(at, at) {
		if queued := max(c.parsed.Limits.Queued/s.sharesAt(t, at, c), 1); lowest == 0 || queued < lowest {
			lowest = queued
		}
	}
	return lowest
}

// sharesAt returns among how many destinations a file shares limits.queued at most: its
// own, and others for which builds or messages may wait.
func (s *simulation) sharesAt(t *term, at time.Time, c *plannedConfig) int {
	shares := 0
	for _, destination := range s.destinations() {
		own := c.has(destination)
		if destination == brigadeName {
			own = len(c.parsed.Destinations) == 0 || c.parsed.UsesBrigade()
		}
		if waiting, _ := s.waitingAtMost(t, at, asked{destination: destination}); own || waiting > 0 {
			shares++
		}
	}
	return shares
}
