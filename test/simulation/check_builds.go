package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// owed returns the names of the builds that must exist now, and of the messages
// that must have been received, each with a version that asks for it. A version must
// have its build if
//
//   - the term that leads now has read it, or could read it because it exists;
//   - all filter files that may have decided on it accept it, with one name;
//   - it is not below the position that a term started from because none was
//     stored;
//   - the history was not restored since, which may have taken its build along;
//   - the gateway could notice a restore before it.
//
// The first condition excludes the documented loss: versions that were overwritten,
// deleted or expired while no gateway ran.
func (s *simulation) owed(now time.Time) map[string]*eventVersion {
	leading, refusable := s.server.record.leading(), s.refusable()
	names := map[string]*eventVersion{}
	for _, v := range s.server.record.all {
		if v.erased || v.restored || poisoned(v) || !s.watched(v.event.Namespace) {
			continue
		}
		until, read := v.readBy(leading)
		switch {
		case read:
		case !v.ended.IsZero():
			continue
		default:
			until = now
		}
		from := s.decidedFrom(v)
		if a, ok := s.agreed(v, from, until); ok && a.name != "" && !refusable[a.name] && !s.mistaken(a.name, from) && names[a.name] == nil && !s.skipped(v) && !s.hidden(v) {
			names[a.name] = v
		}
	}
	return names
}

// decidedFrom returns the first moment at which the verdict on v may have been
// found. With server-side field selectors that is when it was created, because
// versions that the API server does not send are not read, and the position passes
// them.
func (s *simulation) decidedFrom(v *eventVersion) time.Time {
	if s.plan.pushDown || len(v.read) == 0 {
		return v.created
	}
	return v.read[0].at
}

// missing returns the versions whose build is owed and does not exist, or whose
// message was not received, by destination.
func (s *simulation) missing() map[string][]*eventVersion {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	missing := map[string][]*eventVersion{}
	for name, v := range s.owed(time.Now()) {
		if s.server.record.builds[name] == nil {
			destination := brigadeName
			if own, _, message := strings.Cut(name, "/"); message {
				destination = own
			}
			missing[destination] = append(missing[destination], v)
		}
	}
	for _, versions := range missing {
		slices.SortFunc(versions, func(a, b *eventVersion) int { return int(a.version - b.version) })
	}
	return missing
}

// checkOwed: every accepted Event has its build, or its message was received, or
// it was counted as dropped.
func (s *simulation) checkOwed() []string {
	var faults []string
	for _, destination := range s.destinations() {
		missing := s.atEnd[destination]
		if len(missing) <= s.droppedAtEnd[destination] {
			continue
		}
		for _, v := range missing {
			faults = append(faults, fmt.Sprintf("%s, created at %s, was accepted for %s and never arrived there (%d missing, %d counted as dropped)",
				show(v), s.when(v.created), destination, len(missing), s.droppedAtEnd[destination]))
		}
	}
	return faults
}

// checkAsked: nothing is built or sent that no filter accepted, or that is always
// refused.
func (s *simulation) checkAsked() []string {
	asked := map[string]time.Time{}
	for _, v := range s.server.record.all {
		until := time.Now()
		for _, c := range s.filesBetween(v.created, until) {
			if a := c.of(v); a.name != "" && !poisoned(v) {
				if first, known := asked[a.name]; !known || v.created.Before(first) {
					asked[a.name] = v.created
				}
			}
		}
	}
	var faults []string
	for _, b := range s.server.record.created {
		if first, ok := asked[b.name]; !ok || b.at.Before(first) {
			faults = append(faults, fmt.Sprintf("build %s, at %s, was asked for by no Event", b.name, s.when(b.at)))
		}
	}
	return faults
}
