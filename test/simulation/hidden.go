package simulation

import (
	"slices"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

const (
	// rewatches is how long a gateway takes to watch again, and to list one Event then,
	// after all watches ended and while nothing fails.
	rewatches = 2 * time.Second
	// lists is how long it takes to list one Event otherwise, also with slow answers and
	// while watches are frozen.
	lists = 35 * time.Second
)

// hidden reports whether v is lost because the gateway could not notice that the cluster
// was restored, a limit that docs/design.md states: there is no Lease, the ConfigMap does
// not show the restore, and before the gateway could list an Event the new history had
// passed what was read of the old one. Then it takes the versions up to there as read.
func (s *simulation) hidden(v *eventVersion) bool {
	r := s.server.record
	if s.plan.election || r.ahead.process == nil || v.erased || v.created.Before(r.restored) || s.positionShows() {
		return false
	}
	read := false
	for _, scope := range s.plan.scopes {
		until, passed := s.server.history.reached(r.ahead.read[string(scope)])
		if !passed || s.listedBefore(scope, until) || s.couldList(until) {
			return false
		}
		read = read || covers(string(scope), v.event.Namespace) && v.version <= r.ahead.read[string(scope)]
	}
	return read
}

// positionShows reports whether the next write of the position showed the restore.
func (s *simulation) positionShows() bool {
	r := s.server.record
	next := time.Now()
	if i := slices.IndexFunc(r.writes, func(w *positionWrite) bool { return w.at.After(r.restored) }); i >= 0 {
		next = r.writes[i].at
	}
	return r.ahead.position && !slices.ContainsFunc(s.tampered, func(at time.Time) bool { return at.After(r.restored) && at.Before(next) })
}

// listedBefore reports whether the gateway listed Events of the scope between the restore
// and a moment.
func (s *simulation) listedBefore(scope position.Scope, until time.Time) bool {
	r := s.server.record
	return slices.ContainsFunc(r.lists, func(l listed) bool {
		return l.process == r.ahead.process && l.namespace == string(scope) && l.at.After(r.restored) && l.at.Before(until)
	})
}

// couldList reports whether no fault kept the gateway from listing Events between the
// restore and a moment.
func (s *simulation) couldList(until time.Time) bool {
	restored := s.server.record.restored
	if !until.Before(restored.Add(rewatches)) && s.reaches(restored.Add(-time.Minute), restored.Add(rewatches)) {
		return true
	}
	from := []time.Time{restored}
	for _, f := range s.server.faults {
		from = append(from, f.until)
	}
	return slices.ContainsFunc(from, func(at time.Time) bool {
		ends := at.Add(lists)
		return !at.Before(restored) && !ends.After(until) && s.reaches(at, ends, slow, frozen)
	})
}

// reaches reports whether no fault of requests for Events lasts between two moments,
// except those of the given kinds.
func (s *simulation) reaches(from, until time.Time, except ...faultKind) bool {
	return !slices.ContainsFunc(s.server.faults, func(f *fault) bool {
		return f.from.Before(until) && f.until.After(from) && !f.kind.ofBuilds() && f.kind != lost && !slices.Contains(except, f.kind) &&
			(len(f.resources) == 0 || slices.Contains(f.resources, events))
	})
}
