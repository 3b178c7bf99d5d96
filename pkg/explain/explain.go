// Package explain shows what a filter list does with Events, either from kubectl
// output (pkg/eventinput) or from a cluster (Live).
//
// It takes verdicts from pkg/decide and build IDs from pkg/identity, so what it
// shows is what the daemon does. It creates no builds.
package explain

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// Options are the options of Run.
type Options struct {
	// Config is the filter file.
	Config *config.Config
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
	// Sources are read one after the other.
	Sources []Source
	// Format is the output format.
	Format Format
	// Why prints which conditions of which filters failed.
	Why bool
	// Out gets a line for each Event and, with the format Text, the summary.
	Out io.Writer
	// Summary gets the summary with the format JSON.
	Summary io.Writer
}

// Source is a source of Events.
type Source interface {
	// Each calls do for each Event until there are no more or ctx ends. It returns
	// the error of do, or its own.
	Each(ctx context.Context, do func(*corev1.Event) error) error
}

// Run explains all Events of all sources and prints a summary. When ctx ends it
// prints the summary of the Events so far, and returns no error.
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
	// An error in one source does not prevent reading the others.
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
		return err // without a summary
	}
	out := o.Out
	if o.Format == JSON {
		out = o.Summary
	}
	if err := s.print(out); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return errors.Join(faults...)
}

// errPrinting marks the errors that end Run.
var errPrinting = errors.New("printing")

// Explainer explains Events. It is immutable.
type Explainer struct {
	// Decider decides on Events.
	Decider decide.Decider
	// Why is whether explanations have the steps to the verdict.
	Why bool
}

// Explanation is what the gateway does with one Event.
type Explanation struct {
	Event   *corev1.Event
	Verdict filter.Verdict
	// ProjectID is the ID of the project to build. Accept only.
	ProjectID string
	// BuildID is the ID of the build, which several Events may share. It is empty
	// if the Event is rejected, or if its build ID depends on its UID and it has
	// none, because it was never stored.
	BuildID string
	// Why are the steps to the verdict that have a reason: the filters that did
	// not match, and rules that reject. It is nil unless Explainer.Why is set.
	Why []filter.Step
}

// Explain decides on e.
func (x Explainer) Explain(e *corev1.Event) Explanation {
	out := Explanation{Event: e, Verdict: x.Decider.Decide(e)}
	if out.Verdict.Action == filter.Accept {
		var builds Builds
		out.ProjectID, out.BuildID = builds.Of(out.Verdict, e)
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
