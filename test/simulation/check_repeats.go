package simulation

import (
	"fmt"
	"slices"
	"time"
)

// checkRepeats: every message is a CloudEvent, and one with the same id is sent
// again only if the gateway could not know that the first was taken: its answer
// was lost, another process or a later term sent it, or the gateway forgot what it
// had sent because the position, the history or the destination was removed.
func (s *simulation) checkRepeats() []string {
	faults := s.server.record.invalid
	type sender struct {
		term *term
		name string
	}
	answered := map[sender]*receipt{}
	for _, m := range s.server.record.received {
		by := sender{m.build.term, m.build.name}
		if first := answered[by]; first != nil && !s.forgot(m.build.destination, first.build.at, m.build.at) {
			faults = append(faults, fmt.Sprintf("message %s, answered at %s, was sent again at %s", m.build.name, s.when(first.build.at), s.when(m.build.at)))
		}
		if m.answered {
			answered[by] = m
		}
	}
	return faults
}

// forgot reports whether a gateway may have forgotten what it sent.
func (s *simulation) forgot(destination string, from, until time.Time) bool {
	removed := slices.ContainsFunc(s.used, func(c *plannedConfig) bool {
		return !c.has(destination) && c.from.After(from.Add(-time.Minute)) && c.from.Before(until)
	})
	return removed || s.disturbed(from, until)
}
