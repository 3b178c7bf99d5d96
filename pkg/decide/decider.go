// Package decide returns the verdict on an Event: first from the rules that no
// filter file can change, then from the filter list.
//
// The rules before the filters are Forged, which rejects an Event about an
// object of another namespace, and Loop, which rejects an Event that a build
// caused. Each has its own name in a verdict.
//
// The daemon, explain, test and the page all take verdicts from here, so that
// they agree. The package is pure: no client, no logger, no clock.
package decide

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// Decider decides on Events. It is immutable and safe for concurrent use.
type Decider struct {
	// Filters is the compiled list; nil rejects everything.
	Filters *filter.List
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
}

// Decide returns the verdict on e: a rejection by ByNamespace or ByLoop if that
// rule applies, else the verdict of the filters. It allocates only if an
// expression runs.
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

// Trace returns the steps to the verdict, up to and including the one that
// decided: a rule before the filters, or the filters that were tried. If the
// last Step did not match, or there is none, filter.Default decided.
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
