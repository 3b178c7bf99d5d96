package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// check returns every broken promise, judged by the model's own record. What the
// gateway reports counts in one place: a build that does not exist, or a message that
// was not received, must have been reported as dropped.
func (s *simulation) check() []string {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	var faults []string
	for _, promise := range []func() []string{
		s.checkOwed, s.checkAsked, s.checkDrops, s.checkPosition, s.checkPace, s.checkActive, s.checkFlows, s.checkAttempts, s.checkDryRun,
		s.checkRepeats, s.checkIndependence,
	} {
		faults = append(faults, promise()...)
	}
	return faults
}

// around is the time around an edit of the filter file in which either list may decide.
const around = 2 * time.Second

// filesBetween returns the filter files that may have decided between two moments.
func (s *simulation) filesBetween(from, until time.Time) []*plannedConfig {
	var in []*plannedConfig
	for i, c := range s.used {
		began := c.from.Add(-around)
		if ended, ends := s.replaced(i); until.Before(began) || ends && from.After(ended.Add(around)) {
			continue
		}
		in = append(in, c)
	}
	return in
}

// replaced returns when the i-th filter file was out of use everywhere.
func (s *simulation) replaced(i int) (time.Time, bool) {
	for _, next := range s.used[i+1:] {
		if !next.used.IsZero() {
			return next.used, true
		}
	}
	return time.Time{}, false
}

// agreed returns the verdict of all filter files that may have decided between two
// moments on a version, and false if they differ.
func (s *simulation) agreed(v *eventVersion, from, until time.Time) (asked, bool) {
	var a *asked
	for _, c := range s.filesBetween(from, until) {
		next := c.of(v)
		if a != nil && *a != *next {
			return asked{}, false
		}
		a = next
	}
	if a == nil {
		return asked{}, false
	}
	return *a, true
}

// covers reports whether a scope has the Events of a namespace.
func covers(scope, namespace string) bool {
	return scope == "" || scope == namespace
}

// watched reports whether a namespace is in any scope.
func (s *simulation) watched(namespace string) bool {
	return slices.ContainsFunc(s.plan.scopes, func(scope position.Scope) bool { return covers(string(scope), namespace) })
}

// skipped reports whether a version is below a position from which a term started
// because none was stored.
func (s *simulation) skipped(v *eventVersion) bool {
	if s.plan.replay {
		return false
	}
	return slices.ContainsFunc(s.server.record.writes, func(w *positionWrite) bool {
		if !w.fresh || w.at.Before(v.created) {
			return false
		}
		for scope, position := range w.scopes {
			if covers(scope, v.event.Namespace) && v.version <= position {
				return true
			}
		}
		return false
	})
}

// poisoned reports whether the API server refuses the build of a version.
func poisoned(v *eventVersion) bool {
	return v.event.Message == tooLargeMark || v.event.Message == invalidMark
}

// refusable returns the names of builds that may be refused, with all that ask
// for the same build, because one of those has a poisoned version.
func (s *simulation) refusable() map[string]bool {
	names := map[string]bool{}
	for _, v := range s.server.record.all {
		if poisoned(v) {
			for _, c := range s.used {
				names[c.of(v).name] = true
			}
		}
	}
	return names
}

// notices is how long a gateway takes at most to notice that the history went back: two
// intervals of its checks, with the deadline of a request.
const notices = 75 * time.Second

// mistaken reports whether the build of a version, first read at the given
// moment, may count as created because it was created in the history before the
// current one.
func (s *simulation) mistaken(name string, read time.Time) bool {
	r := s.server.record
	if read.Before(r.restored) || read.After(r.restored.Add(notices)) {
		return false
	}
	return slices.ContainsFunc(r.created, func(b *build) bool { return b.erased && b.name == name })
}

// readBy returns when a term read a version first, and whether it did.
func (v *eventVersion) readBy(t *term) (time.Time, bool) {
	for _, r := range v.read {
		if r.term == t {
			return r.at, true
		}
	}
	return time.Time{}, false
}

// show names a version in a report.
func show(v *eventVersion) string {
	return fmt.Sprintf("event %s/%s at %d", v.event.Namespace, v.event.Name, v.version)
}

// when formats a moment of the run.
func (s *simulation) when(t time.Time) string {
	return clock(t.Sub(s.began))
}
