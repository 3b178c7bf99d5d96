package gateway

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// callTimeout is the deadline of one small call to the API server.
const callTimeout = 15 * time.Second

// startBackoff spaces the attempts to reach the API server at start.
func startBackoff() wait.Backoff {
	return wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: 15 * time.Second}
}

// begin finds the position each scope starts from. It tries until the API
// server answers or ctx ends; its error is one that trying does not heal.
func (p *pipeline) begin(ctx context.Context) error {
	if p.config.Limits.ActiveBuilds > 0 {
		if err := p.untilDone(ctx, "ask for the right to count workers", p.mayCountWorkers); err != nil {
			return err
		}
	}
	stored := p.floors
	if p.store != nil {
		err := p.untilDone(ctx, "read the position", func(ctx context.Context) error {
			loaded, err := p.store.Load(ctx)
			if err == nil && len(loaded) > 0 {
				stored = loaded
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, scope := range p.Scopes {
		var current string
		err := p.untilDone(ctx, "list Events in "+scope.String(), func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			list, err := p.Core.Events(string(scope)).List(ctx, metav1.ListOptions{Limit: 1})
			if err == nil {
				current = list.ResourceVersion
			}
			return err
		})
		if err != nil || ctx.Err() != nil {
			return err
		}
		p.trackers[scope] = position.NewTracker(p.floor(scope, stored.Of(scope), current))
	}
	if p.store == nil {
		return nil
	}
	// Saved at once, so that a crash within the first seconds loses nothing.
	return p.untilDone(ctx, "save the position", p.save)
}

// floor returns the resourceVersion above which the scope's Events are
// processed, and logs why.
func (p *pipeline) floor(scope position.Scope, stored, current string) string {
	log := p.Log.With("scope", scope.String())
	switch {
	case stored != "" && !position.Ahead(stored, current):
		log.Info("watching Events from the position on", "position", stored)
		return stored
	case stored != "":
		log.Warn("the stored position is ahead of the cluster, which was restored or built anew: it is ignored",
			"position", stored, "current", current, "store", p.store.String())
	}
	if p.ReplayExisting {
		log.Info("no position: watching Events, those that are there included")
		return ""
	}
	log.Info("no position: watching Events from now on, those that are there are skipped", "position", current)
	return current
}

// untilDone calls f until it succeeds or ctx ends, and says so in the log
// while it does not. An error that trying does not heal is returned.
func (p *pipeline) untilDone(ctx context.Context, what string, f func(context.Context) error) error {
	backoff := startBackoff()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if isFinal(err) {
			return err
		}
		pause := backoff.Step()
		if ctx.Err() == nil {
			p.Log.Error("cannot do what is needed to begin, trying again", "what", what, "err", err, "hint", hint(err), "in", pause.Round(time.Millisecond).String())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// isFinal tells whether trying again does not heal err.
func isFinal(err error) bool {
	_, invalid := errors.AsType[*position.InvalidError](err)
	_, missing := errors.AsType[*missingRightError](err)
	return invalid || missing || errors.Is(err, position.ErrTaken)
}

// hint tells what an operator can do about err.
func hint(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "grant the ServiceAccount the right named in the error"
	case apierrors.IsUnauthorized(err):
		return "check the token or certificate of the kubeconfig or ServiceAccount"
	default:
		return "check that the API server is up and can be reached from here"
	}
}
