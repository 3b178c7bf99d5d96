// Package decide says what becomes of one Event: the loop guard speaks first,
// then the filter list.
//
// It is where the daemon and `k8s-gateway explain` meet: whatever shows a
// verdict takes it from here, so there is one answer. Like what it calls it is
// pure: no client, no logger, no clock.
package decide

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/guard"
)

// Decider decides about Events. It never changes, and any number of goroutines
// may use it at once.
type Decider struct {
	// Filters is the compiled list; nil rejects everything.
	Filters *filter.List
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
}

// Decide returns the verdict on e, with guard.By as what decided where the
// loop guard did.
func (d Decider) Decide(e *corev1.Event) filter.Verdict {
	if !d.AllowBrigadeEvents && guard.Loop(e) {
		return filter.Verdict{Action: filter.Reject, By: guard.By}
	}
	return d.Filters.Decide(e)
}
