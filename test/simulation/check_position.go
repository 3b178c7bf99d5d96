package simulation

import "fmt"

// checkPosition: the stored position never passes an Event without an outcome.
// A version counts if the term that wrote the position had read it.
func (s *simulation) checkPosition() []string {
	r := s.server.record
	first := map[string]*build{}
	for _, b := range r.created {
		if first[b.name] == nil {
			first[b.name] = b
		}
	}
	refusable := s.refusable()
	lost := map[string]bool{}
	early := map[string][]string{}
	for _, v := range r.all {
		if v.restored || poisoned(v) || s.skipped(v) || s.hidden(v) {
			continue
		}
		w := s.passed(v)
		if w == nil {
			continue
		}
		at, _ := v.readBy(w.term)
		from := s.decidedFrom(v)
		a, ok := s.agreed(v, from, at)
		if !ok || a.name == "" || refusable[a.name] || s.mistaken(a.name, from) {
			continue
		}
		text := fmt.Sprintf("%s, read at %s, was passed by the position written at %s", show(v), s.when(at), s.when(w.at))
		switch b := first[a.name]; {
		case lost[a.name]:
			continue
		case b == nil:
			early[a.destination] = append(early[a.destination], text+" and never arrived at "+a.destination)
		case b.at.After(w.at) && b.version == v.event.ResourceVersion && !s.outlived(v):
			// If the stored position was deleted it may still arrive.
			early[a.destination] = append(early[a.destination], text+fmt.Sprintf(" and arrived at %s after that, at %s", a.destination, s.when(b.at)))
		default:
			continue
		}
		lost[a.name] = true
	}
	var faults []string
	for _, destination := range s.destinations() {
		if n := s.droppedAtEnd[destination]; len(early[destination]) > n {
			faults = append(append(faults, early[destination]...), fmt.Sprintf("%d were counted as dropped", n))
		}
	}
	return faults
}

// outlived reports whether the build of v may wait although v can never be read again:
// it was read before the gateway noticed a restore, and had ended when it read all Events
// again.
func (s *simulation) outlived(v *eventVersion) bool {
	restored := s.server.record.restored
	return !restored.IsZero() && v.created.After(restored) && !v.ended.IsZero() && v.ended.Before(restored.Add(notices))
}

// passed returns the first write of a position at or above v by a term that
// had read v, or nil.
func (s *simulation) passed(v *eventVersion) *positionWrite {
	for _, w := range s.server.record.writes {
		at, read := v.readBy(w.term)
		if !read || at.After(w.at) || v.erased && !w.at.Before(s.server.record.restored) || w.epoch.After(v.created) {
			continue
		}
		for scope, position := range w.scopes {
			if covers(scope, v.event.Namespace) && v.version <= position {
				return w
			}
		}
	}
	return nil
}
