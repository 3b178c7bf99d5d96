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
	return s.calmFile(from, until)
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
	return !s.othersTried(b, read)
}

// othersTried reports whether the process of b tried to create another build of the flow
// while b waited. One that exists or is refused takes a turn too.
func (s *simulation) othersTried(b *build, read time.Time) bool {
	tried := map[string]bool{}
	for _, a := range s.server.record.attempts {
		if a.process == b.process && a.name != b.name && !a.at.Before(read) && a.at.Before(b.sent) {
			tried[a.name] = true
		}
	}
	return slices.ContainsFunc(s.server.record.all, func(v *eventVersion) bool {
		return slices.ContainsFunc(s.used, func(c *plannedConfig) bool {
			a := c.of(v)
			return a.flow == b.flow && tried[a.name]
		})
	})
}
