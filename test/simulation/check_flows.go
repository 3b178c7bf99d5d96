package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// turn is how many builds of one other flow may come before a quiet flow's: one for
// its turn, and one that was taken before.
const turn = 2

// checkFlows: a build that waits alone in its flow waits for at most one turn of the
// other flows while writing works.
func (s *simulation) checkFlows() []string {
	r := s.server.record
	byVersion := s.byVersion()
	var faults []string
	for _, b := range r.created {
		v := byVersion[b.version]
		if v == nil || b.erased || b.sent.Before(r.restored) {
			continue
		}
		read, ok := v.readBy(b.term)
		if !ok || read.After(b.sent) || !s.calm(b.destination, read, b.sent) || !s.alone(b, read, byVersion) {
			continue
		}
		ahead := map[string]int{}
		for _, other := range r.created {
			if other.destination == b.destination && other.flow != b.flow && other.sent.After(read) && other.sent.Before(b.sent) {
				ahead[other.flow]++
			}
		}
		for flow, n := range ahead {
			if n > turn {
				faults = append(faults, fmt.Sprintf("build %s of the quiet flow %s, read at %s and sent at %s, waited for %d of %s",
					b.name, b.flow, s.when(read), s.when(b.sent), n, flow))
			}
		}
	}
	return faults
}

// byVersion returns the versions of the present history by resourceVersion.
func (s *simulation) byVersion() map[string]*eventVersion {
	byVersion := map[string]*eventVersion{}
	for _, v := range s.server.record.all {
		if !v.erased && !v.restored {
			byVersion[strconv.FormatInt(v.version, 10)] = v
		}
	}
	return byVersion
}

// calm reports whether writing to a destination worked and the filter file stayed
// between two moments, and for a minute before them.
func (s *simulation) calm(destination string, from, until time.Time) bool {
	from = from.Add(-time.Minute)
	faults := slices.Clone(s.server.faults)
	for _, f := range s.server.receiverFaults {
		if f.resources[0] == destination {
			faults = append(faults, f)
		}
	}
	for _, f := range faults {
		if f.from.Before(until) && f.until.After(from) {
			return false
		}
	}
	for _, c := range s.used[1:] {
		if c.from.Before(until) && (c.used.IsZero() || c.used.After(from)) {
			return false
		}
	}
	return true
}

// alone reports whether b waited alone in its flow.
func (s *simulation) alone(b *build, read time.Time, byVersion map[string]*eventVersion) bool {
	for _, other := range s.server.record.created {
		if other == b || other.flow != b.flow || other.sent.Before(read) {
			continue
		}
		v := byVersion[other.version]
		if v == nil {
			return false
		}
		if at, ok := v.readBy(b.term); other.sent.Before(b.sent) || ok && !at.After(read) {
			return false
		}
	}
	return !s.repeats(b)
}

// repeats reports whether the term of b read an Event of the flow whose build an
// earlier term had created. Until the API server says that it exists it waits
// and takes turns, and no later record shows that.
func (s *simulation) repeats(b *build) bool {
	for _, v := range s.server.record.all {
		read, ok := v.readBy(b.term)
		if !ok || read.After(b.sent) {
			continue
		}
		for _, c := range s.filesBetween(v.created, b.sent) {
			if a := c.of(v); a.flow == b.flow && a.name != b.name && s.createdBefore(a.name, read) {
				return true
			}
		}
	}
	return false
}

func (s *simulation) createdBefore(name string, at time.Time) bool {
	return slices.ContainsFunc(s.server.record.created, func(b *build) bool { return b.name == name && b.at.Before(at) })
}
