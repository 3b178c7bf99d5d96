package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// pipeline is one run from the position on, with one filter list.
type pipeline struct {
	*Gateway
	config   *config.Config
	store    *position.Store
	saved    position.Positions
	seen     position.Positions
	trackers map[position.Scope]*position.Tracker
	queue    *delivery.Queue
	decider  decide.Decider
}

func newPipeline(g *Gateway, c *config.Config) *pipeline {
	p := &pipeline{
		Gateway:  g,
		config:   c,
		trackers: map[position.Scope]*position.Tracker{},
		decider:  decide.Decider{Filters: c.Filters, AllowBrigadeEvents: g.AllowBrigadeEvents},
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
	depth, _ := p.queue.Waiting()
	p.Log.Info("stopping: finishing what is in flight", "waiting", depth, "gracePeriod", p.Grace.String())
	informers.Wait()
	writers.Wait()

	cause := context.Cause(ctx)
	if errors.Is(cause, position.ErrTaken) {
		return cause
	}
	if leading.Err() == nil || stopping.Err() != nil {
		p.saveLast(context.WithoutCancel(ctx))
	}
	depth, _ = p.queue.Waiting()
	p.Log.Info("stopped", "waiting", depth)
	if leading.Err() == nil && errors.Is(cause, errReload) {
		return cause
	}
	return nil
}

// informer returns the scope's informer, which hands accepted Events to the
// intake.
func (p *pipeline) informer(scope position.Scope, tracker *position.Tracker) (cache.SharedIndexInformer, error) {
	in := &intake{decider: p.decider, tracker: tracker, queue: p.queue}
	r := &reader{
		events: p.Core.Events(string(scope)), tracker: tracker, decider: p.decider, intake: in, log: p.events, selector: p.selector(),
	}
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
			in.take(e)
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
