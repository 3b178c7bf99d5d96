package gateway

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/source"
)

// callTimeout is the deadline of one small request to the API server.
const callTimeout = 15 * time.Second

func startBackoff() wait.Backoff {
	return wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: 15 * time.Second}
}

// restorePositions finds the position from which each scope starts, and saves it.
// It retries until the API server answers or ctx ends. Its error is one that a
// retry does not heal.
func (t *term) restorePositions(ctx context.Context) error {
	if t.config.Limits.ActiveBuilds > 0 {
		if err := t.retry(ctx, "check the right to count worker pods", t.gateway.mayCountWorkers); err != nil {
			return err
		}
	}
	stored := t.gateway.reached
	if t.store != nil {
		err := t.retry(ctx, "read the position", func(ctx context.Context) error {
			loaded, err := t.store.Load(ctx)
			if err == nil && len(loaded) > 0 {
				// If the history went back, the restored ConfigMap may have a position that was
				// saved before that was noticed, and that is too high.
				stored = loaded.Lower(t.gateway.confirmed)
				t.queue.EmptyBucket()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, scope := range t.options.Scopes {
		var current string
		err := t.retry(ctx, "list Events in "+scope.String(), func(ctx context.Context) (err error) {
			current, err = t.version(ctx, scope)
			return err
		})
		if err != nil || ctx.Err() != nil {
			return err
		}
		at, found := stored.Of(scope)
		t.trackers[scope] = position.NewTracker(t.startOf(scope, at, found, current))
	}
	if t.saver == nil {
		return nil
	}
	// Save at once, so that a crash within the first seconds loses nothing.
	err := t.retry(ctx, "save the position", func(ctx context.Context) error { return t.saver.Save(ctx, t.positions()) })
	if err == nil && ctx.Err() == nil {
		t.gateway.confirmed = nil
		for scope := range t.trackers {
			t.saver.Confirmation(scope)()
		}
	}
	return err
}

func (t *term) version(ctx context.Context, scope position.Scope) (string, error) {
	return source.Version(ctx, t.options.Core.Events(string(scope)))
}

// startOf returns the resourceVersion after which the Events of the scope are
// processed, and logs why.
func (t *term) startOf(scope position.Scope, stored string, found bool, current string) string {
	log := t.log.With("scope", scope.String())
	switch {
	case found && position.Ahead(stored, current):
		log.Warn("stored position is ahead of the cluster, reading all Events",
			"position", stored, "current", current, "hint", "the cluster was restored from a backup or created again")
		return ""
	case found:
		log.Info("watching Events from stored position", "position", stored)
		return stored
	case t.options.ReplayExisting:
		log.Info("no stored position, replaying existing Events")
		return ""
	default:
		log.Info("no stored position, skipping existing Events", "position", current)
		return current
	}
}

// retry calls f until it succeeds or ctx ends, and logs each failure. It returns an
// error that a retry does not heal.
func (t *term) retry(ctx context.Context, step string, f func(context.Context) error) error {
	backoff := startBackoff()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if IsFinal(err) {
			return err
		}
		pause := backoff.Step()
		if ctx.Err() == nil {
			for _, scope := range t.options.Scopes {
				t.gateway.metrics.reading.failed(scope, step+": "+err.Error())
			}
			t.log.Error("startup step failed, retrying", "step", step, "err", err, "hint", hint(err), "in", pause.Round(time.Millisecond).String())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// IsFinal reports whether a retry does not heal err.
func IsFinal(err error) bool {
	_, invalid := errors.AsType[*position.InvalidError](err)
	_, missing := errors.AsType[*MissingRightError](err)
	return invalid || missing || errors.Is(err, position.ErrTaken)
}

// hint returns what an operator can do about err.
func hint(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "grant the ServiceAccount the right named in the error"
	case apierrors.IsUnauthorized(err):
		return "check the token or certificate of the kubeconfig or ServiceAccount"
	default:
		return "check that the API server is up and reachable"
	}
}
