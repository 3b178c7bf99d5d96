// Package explain tells what a filter list would do with Events: those that
// kubectl has printed, or those of a live cluster.
//
// It stands beside the daemon, on the same ground: a verdict comes from
// pkg/decide and a build ID from pkg/identity, so what it says of an Event is
// what the daemon does with it. It builds nothing.
package explain

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
)

// Options say what to explain, and how.
type Options struct {
	// Config is the filter file.
	Config *config.Config
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
	// Sources are where the Events come from, in order.
	Sources []Source
	// Format is how each Event is printed.
	Format Format
	// Why prints the conditions that failed on the way to a verdict.
	Why bool
	// Out gets a line for each Event, and the summary where people read it.
	Out io.Writer
	// Aside gets the summary where programs read Out.
	Aside io.Writer
}

// Source is where Events come from.
type Source interface {
	// Each calls do with one Event after the other until there are no more or
	// ctx ends. Its error is do's, or says where the source fails.
	Each(ctx context.Context, do func(*corev1.Event) error) error
}

// Run explains all Events of all sources, and then sums up. When ctx ends it
// sums up what there was by then, which is no error.
func Run(ctx context.Context, o Options) error {
	x := Explainer{
		Decider: decide.Decider{Filters: o.Config.Filters, AllowBrigadeEvents: o.AllowBrigadeEvents},
		Why:     o.Why,
	}
	p := newPrinter(o)
	s := newSummary(o.Config, o.AllowBrigadeEvents)
	explain := func(e *corev1.Event) error {
		explanation := x.Explain(e)
		s.add(explanation)
		if err := p.print(explanation); err != nil {
			return fmt.Errorf("%w: %w", errPrinting, err)
		}
		return nil
	}
	// What is wrong with one input does not hide the others.
	var faults []error
	for _, source := range o.Sources {
		err := source.Each(ctx, explain)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errPrinting) {
			return err
		}
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil && s.accepted+s.rejected == 0 {
		return err // nothing to sum up
	}
	out := o.Out
	if o.Format == JSON {
		out = o.Aside
	}
	if err := s.print(out); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return errors.Join(faults...)
}

// errPrinting marks what ends Run: nobody reads any more.
var errPrinting = errors.New("printing")

// Explainer explains Events one by one. It never changes.
type Explainer struct {
	// Decider is what decides.
	Decider decide.Decider
	// Why is whether explanations say which conditions failed.
	Why bool
}

// Explanation is what the gateway does with one Event.
type Explanation struct {
	// Event is the Event.
	Event *corev1.Event
	// Verdict is what was decided, and by what.
	Verdict filter.Verdict
	// ProjectID is the ID of the project that is built. Accepted only.
	ProjectID string
	// BuildID is the ID of the build, which several Events may share. It is
	// empty for rejected Events, and for those that were never stored and have
	// no UID to name a build after.
	BuildID string
	// Why are the steps on the way to the verdict that have something to say:
	// the filters that did not match, and what decided where that needs a
	// reason. Only where asked for.
	Why []filter.Step
}

// Explain decides about e as the daemon does.
func (x Explainer) Explain(e *corev1.Event) Explanation {
	out := Explanation{Event: e, Verdict: x.Decider.Decide(e)}
	if out.Verdict.Action == filter.Accept {
		out.ProjectID = brigade.ProjectID(out.Verdict.Project)
		if e.UID != "" || out.Verdict.OncePer.Window > 0 {
			out.BuildID = identity.Of(out.ProjectID, e, out.Verdict.OncePer)
		}
	}
	if x.Why {
		for _, step := range x.Decider.Trace(e) {
			if step.Why != "" {
				out.Why = append(out.Why, step)
			}
		}
	}
	return out
}
