package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

const (
	// saveEvery is how often a position that moved is stored. What was done
	// since is done again after a crash, and found to exist.
	saveEvery = 3 * time.Second
	// callTimeout is the deadline of one small call to the API server.
	callTimeout = 15 * time.Second
	// stopTimeout is how long the last save of the position may take.
	stopTimeout = 5 * time.Second
)

// startBackoff spaces the attempts to reach the API server at start.
func startBackoff() wait.Backoff {
	return wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: 15 * time.Second}
}

// pipeline is one run from the position on, with one filter list.
type pipeline struct {
	*Gateway
	config *config.Config
	// floors are the positions of the pipeline before this one in the same
	// process; they stand where none are stored.
	floors   position.Positions
	store    *position.Store
	saved    position.Positions
	trackers map[position.Scope]*position.Tracker
	queue    *delivery.Queue
	decider  Decider
}

func newPipeline(g *Gateway, c *config.Config, floors position.Positions) *pipeline {
	p := &pipeline{
		Gateway:  g,
		config:   c,
		floors:   floors,
		trackers: map[position.Scope]*position.Tracker{},
		decider:  Decider{Filters: c.Filters, AllowBrigadeEvents: g.AllowBrigadeEvents},
	}
	if g.Position.Name != "" {
		p.store = position.NewStore(g.Core, g.Position.Namespace, g.Position.Name)
	}
	return p
}

// run starts everything in the order of the flow, waits until leading ends,
// and stops everything in the same order. Where stopping is not done by then,
// somebody else leads, and the position is theirs to write.
func (p *pipeline) run(leading, stopping context.Context) error {
	ctx, fail := context.WithCancelCause(leading)
	defer fail(nil)

	reporter, stopReporter := newReporter(p.Options)
	defer stopReporter()
	limits := newGate(p.config.Limits, p.Log, p.metrics)
	p.queue = delivery.NewQueue(delivery.Options{
		Gate:     limits,
		Sink:     brigade.NewWriter(p.Core, p.BuildNamespace, p.config.CommitRef, p.DryRun),
		Workers:  p.Workers,
		Capacity: p.config.Limits.Queued,
		Grace:    p.Grace,
		Log:      p.Log,
		Metrics:  p.metrics.delivery,
		Reporter: reporter,
	})
	if err := p.begin(ctx); err != nil || ctx.Err() != nil {
		return err
	}

	if p.PushDown {
		p.Log.Info("the API server leaves out what the filters reject for sure: such Events are not seen here", "fieldSelector", p.selector())
	}
	var informers, writers sync.WaitGroup
	var synced []cache.InformerSynced
	for scope, tracker := range p.trackers {
		informer, err := p.informer(scope, tracker)
		if err != nil {
			return err
		}
		synced = append(synced, informer.HasSynced)
		informers.Go(func() { informer.RunWithContext(ctx) })
	}
	counted := func() bool { return true }
	if p.config.Limits.ActiveBuilds > 0 {
		informer, err := p.workerInformer(limits)
		if err != nil {
			return err
		}
		counted = informer.HasSynced
		informers.Go(func() { informer.RunWithContext(ctx) })
	}
	informers.Go(func() {
		if cache.WaitForCacheSync(ctx.Done(), synced...) {
			p.synced.Store(true)
			p.Log.Info("watching", "scopes", fmt.Sprint(p.Scopes))
		}
	})
	writers.Go(func() {
		// No build before the workers that are there have been counted.
		cache.WaitForCacheSync(ctx.Done(), counted)
		p.queue.Run(ctx)
	})
	writers.Go(func() { p.keepSaving(ctx, fail) })
	select {
	case <-ctx.Done():
	case <-p.changed:
		fail(errReload)
	}
	informers.Wait()
	writers.Wait()

	cause := context.Cause(ctx)
	if errors.Is(cause, position.ErrTaken) {
		return cause
	}
	if leading.Err() == nil || stopping.Err() != nil {
		p.saveLast(context.WithoutCancel(ctx))
	}
	depth, _ := p.queue.Waiting()
	p.Log.Info("stopped watching", "waiting", depth)
	if leading.Err() == nil && errors.Is(cause, errReload) {
		return cause
	}
	return nil
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

// informer returns the scope's informer, which hands accepted Events to the
// intake.
func (p *pipeline) informer(scope position.Scope, tracker *position.Tracker) (cache.SharedIndexInformer, error) {
	r := &reader{events: p.Core.Events(string(scope)), tracker: tracker, decider: p.decider, log: p.events, selector: p.selector()}
	lw := &cache.ListWatch{ListWithContextFunc: r.list, WatchFuncWithContext: r.watch}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, p.Core), &corev1.Event{}, 0, cache.Indexers{})
	if err := informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
		p.metrics.watchErrors.Inc()
		cache.DefaultWatchErrorHandler(ctx, r, err)
	}); err != nil {
		return nil, fmt.Errorf("watching %s: %w", scope, err)
	}
	take := func(obj any) {
		if e, ok := obj.(*corev1.Event); ok {
			p.intake(tracker, e)
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    take,
		UpdateFunc: func(_, obj any) { take(obj) },
	})
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", scope, err)
	}
	return informer, nil
}

// selector returns the field selector that the API server applies, empty where
// it is to send everything.
func (p *pipeline) selector() string {
	if !p.PushDown {
		return ""
	}
	return p.config.Filters.Selector().String()
}

// intake names the build that an accepted Event asks for and queues it. What
// the informer shows again was claimed before.
func (p *pipeline) intake(tracker *position.Tracker, e *corev1.Event) {
	if !tracker.Claim(e.ResourceVersion) {
		return
	}
	verdict := p.decider.Decide(e)
	project := brigade.ProjectID(verdict.Project)
	p.queue.Add(delivery.Build{
		ID:        identity.Of(project, e, verdict.OncePer),
		ProjectID: project,
		By:        verdict.By,
		Event:     e,
	}, func(delivery.Outcome) { tracker.Done(e.ResourceVersion) })
}

// positions returns the position of each scope that has one.
func (p *pipeline) positions() position.Positions {
	all := position.Positions{}
	for _, scope := range p.Scopes {
		at := p.floors.Of(scope) // where the pipeline was stopped before it began
		if tracker, began := p.trackers[scope]; began {
			at = tracker.Position()
		}
		if at != "" {
			all[scope] = at
		}
	}
	return all
}

// save stores the positions if they moved.
func (p *pipeline) save(ctx context.Context) error {
	now := p.positions()
	if maps.Equal(now, p.saved) {
		return nil
	}
	if err := p.store.Save(ctx, now); err != nil {
		return err
	}
	p.saved = now
	return nil
}

// keepSaving stores the positions while they move, and fails the pipeline when
// another gateway has.
func (p *pipeline) keepSaving(ctx context.Context, fail context.CancelCauseFunc) {
	if p.store == nil {
		return
	}
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := p.save(ctx)
		switch {
		case errors.Is(err, position.ErrTaken):
			fail(err)
			return
		case err != nil && ctx.Err() == nil:
			p.Log.Warn("position not saved, trying again", "err", err)
		}
	}
}

// saveLast stores the positions when everything has stopped.
func (p *pipeline) saveLast(ctx context.Context) {
	if p.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := p.save(ctx); err != nil {
		p.Log.Warn("position not saved at the end: what was built since is found to exist at the next start", "err", err)
	}
}
