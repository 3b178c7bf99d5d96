// Package decide says what becomes of one Event: first the rules that no
// filter file can change, then the filter list.
//
// The rules ahead of the filters are Forged, which rejects Events about objects
// of another namespace, and Loop, which rejects the echo of a build. Each has a
// name of its own in a verdict.
//
// It is where the daemon and `k8s-gateway explain` meet: whatever shows a
// verdict takes it from here, so there is one answer. Like what it calls it is
// pure: no client, no logger, no clock.
package decide

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// Decider decides about Events. It never changes, and any number of goroutines
// may use it at once.
type Decider struct {
	// Filters is the compiled list; nil rejects everything.
	Filters *filter.List
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
}

// Decide returns the verdict on e: a rejection by ByNamespace or ByLoop where
// one of the rules ahead of the filters applies, else that of the filters. It
// does not allocate unless an expression runs.
func (d Decider) Decide(e *corev1.Event) filter.Verdict {
	switch {
	case Forged(e):
		return filter.Verdict{Action: filter.Reject, By: ByNamespace}
	case !d.AllowBrigadeEvents && Loop(e):
		return filter.Verdict{Action: filter.Reject, By: ByLoop}
	default:
		return d.Filters.Decide(e)
	}
}

// Trace returns each step on the way to the verdict, up to and including the
// one that decided: a rule ahead of the filters, or the filters that were
// tried. Where the last Step did not match, or there is none, filter.Default
// decided.
func (d Decider) Trace(e *corev1.Event) []filter.Step {
	switch {
	case Forged(e):
		return []filter.Step{{By: ByNamespace, Matched: true, Why: whyForged(e)}}
	case !d.AllowBrigadeEvents && Loop(e):
		return []filter.Step{{By: ByLoop, Matched: true, Why: whyLoop}}
	default:
		return d.Filters.Trace(e)
	}
}
