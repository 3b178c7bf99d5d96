package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/source"
)

// term is a period of work that begins at one position. A changed filter file does
// not end it. It ends when this replica stops leading, when another gateway wrote
// the position, or when the cluster's history went back.
type term struct {
	gateway *Gateway
	options Options
	log     *slog.Logger
	queue   *delivery.Destinations
	// config is the filter file of the current limits and selector.
	config *config.Config
	// store is nil if no position is stored. saver is nil then too, and if the
	// position is only read.
	store    *position.Store
	saver    *position.Saver
	trackers map[position.Scope]*position.Tracker

	sources, workers, writers *group
}

func newTerm(g *Gateway, queue *delivery.Destinations) *term {
	t := &term{
		gateway: g, options: g.options, log: g.log, queue: queue,
		config:   g.config.Load(),
		trackers: map[position.Scope]*position.Tracker{},
	}
	if p := g.options.Position; p.Name != "" {
		t.store = position.NewStore(g.options.Core, p.Namespace, p.Name)
		if !g.options.DryRun {
			t.saver = position.NewSaver(t.store, g.log, &g.metrics.unsaved)
		}
	}
	return t
}

// run runs the term until leading ends. If stopping is not done by then, another
// replica leads and writes the position.
func (t *term) run(leading, stopping context.Context) error {
	ctx, fail := context.WithCancelCause(leading)
	defer fail(nil)
	if err := t.restorePositions(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	t.gateway.term.Store(t)
	t.start(ctx, fail)
	t.followConfig(ctx, fail)
	t.stop()
	t.gateway.term.Store(nil)

	cause := context.Cause(ctx)
	if errors.Is(cause, position.ErrTaken) && t.historyWentBack(stopping) {
		cause = fmt.Errorf("%w; %w", position.ErrHistory, cause)
	}
	lost := errors.Is(cause, position.ErrTaken) || errors.Is(cause, position.ErrHistory)
	switch {
	case errors.Is(cause, position.ErrHistory):
		// If the restored cluster has no position, all its Events are read, because
		// those since the restore must not be skipped.
		t.queue.Forget()
		if t.saver != nil {
			t.gateway.confirmed = t.saver.Confirmed()
		}
		t.gateway.reached = position.Positions{}
		for scope := range t.trackers {
			t.gateway.reached[scope] = ""
		}
	case lost:
		// The position may be from a restore too, after which builds that were
		// created may not exist.
		t.queue.Forget()
		t.gateway.reached = nil
	default:
		t.gateway.reached = t.positions()
	}
	if t.saver != nil && !lost && stopping.Err() != nil {
		t.saver.SaveFinal(context.WithoutCancel(ctx), t.positions())
	}
	depth, _ := t.queue.Waiting()
	t.log.Info("stopped", "waiting", depth)
	if lost || leading.Err() == nil {
		return cause
	}
	return nil
}

// group is a number of goroutines that are stopped together.
type group struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func newGroup(ctx context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &group{cancel: cancel}, ctx
}

// stop stops the group and waits for it. A nil group was never started.
func (g *group) stop() {
	if g != nil {
		g.cancel()
		g.wait.Wait()
	}
}

// start starts everything in the order of the flow.
func (t *term) start(ctx context.Context, fail context.CancelCauseFunc) {
	t.queue.Limit(t.config.Limits)
	listed := t.startSources(ctx, fail)
	t.startWorkers(ctx, fail)
	var writing context.Context
	t.writers, writing = newGroup(ctx)
	t.writers.wait.Go(func() {
		awaitLists(writing, listed)
		t.queue.Run(writing)
	})
	t.writers.wait.Go(func() { t.watchAge(writing) })
	t.writers.wait.Go(func() {
		select {
		case err := <-t.gateway.wentBack:
			fail(err)
		case <-writing.Done():
		}
	})
	if t.saver == nil {
		return
	}
	t.writers.wait.Go(func() {
		if err := t.saver.Run(writing, t.positions); err != nil {
			fail(err)
		}
	})
}

// stop stops everything in the order of the flow.
func (t *term) stop() {
	depth, _ := t.queue.Waiting()
	t.log.Info("stopping", "waiting", depth, "gracePeriod", t.options.Grace.String())
	t.sources.stop()
	t.writers.stop()
	t.workers.stop()
}

// startSources starts a source for each scope. It returns channels that are closed
// when the first lists have ended.
func (t *term) startSources(ctx context.Context, fail context.CancelCauseFunc) []<-chan struct{} {
	selector := t.selector()
	if selector != "" {
		t.log.Info("using server-side field selector", "fieldSelector", selector)
	}
	var reading context.Context
	t.sources, reading = newGroup(ctx)
	var unsynced atomic.Int64
	unsynced.Store(int64(len(t.trackers)))
	synced := func() {
		if unsynced.Add(-1) == 0 {
			t.gateway.synced.Store(true)
			t.log.Info("watching", "scopes", fmt.Sprint(t.options.Scopes))
		}
	}
	var listed []<-chan struct{}
	for scope, tracker := range t.trackers {
		s := source.New(source.Options{
			Core: t.options.Core, Scope: scope, Selector: selector, Tracker: tracker, Confirmation: t.confirmation(scope),
			Decider: t.gateway.decider.Load, Queue: t.queue, Observer: t.gateway.events, Metrics: t.gateway.metrics.source,
			Reading: func(err error) {
				if err == nil {
					t.gateway.metrics.reading.watched(scope)
				} else {
					t.gateway.metrics.reading.failed(scope, "reading Events in "+scope.String()+": "+err.Error())
				}
			},
		})
		listed = append(listed, s.Listed())
		t.sources.wait.Go(func() {
			if err := s.Run(reading, synced); err != nil {
				fail(err)
			}
		})
	}
	return listed
}

// confirmation returns the function that each check of the scope's history calls first.
func (t *term) confirmation(scope position.Scope) func() (confirm func()) {
	if t.saver == nil {
		return func() func() { return func() {} }
	}
	return func() func() { return t.saver.Confirmation(scope) }
}

// maxListWait is the longest time that creating builds waits for the first lists.
const maxListWait = 30 * time.Second

// awaitLists waits until the first lists have ended, so that builds are created in
// the order of their Events' versions.
func awaitLists(ctx context.Context, listed []<-chan struct{}) {
	timeout := time.NewTimer(maxListWait)
	defer timeout.Stop()
	for _, done := range listed {
		select {
		case <-done:
		case <-timeout.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// startWorkers starts to count worker pods if activeBuilds is set.
func (t *term) startWorkers(ctx context.Context, fail context.CancelCauseFunc) {
	t.workers = nil
	if t.config.Limits.ActiveBuilds == 0 {
		return
	}
	queue := t.queue.Workers()
	queue.Recount()
	informer, err := t.gateway.workerInformer(queue)
	if err != nil {
		fail(err)
		return
	}
	var counting context.Context
	t.workers, counting = newGroup(ctx)
	t.workers.wait.Go(func() { informer.RunWithContext(counting) })
	t.workers.wait.Go(func() {
		if cache.WaitFor(counting, "", informer.HasSyncedChecker()) {
			queue.Counted(time.Now().Add(t.settleTime()))
		}
	})
}

// settleTime is how long to wait for the pods of builds that the previous leader
// created last. Without a stored position there is no previous leader.
func (t *term) settleTime() time.Duration {
	if t.store == nil {
		return 0
	}
	return limit.SettleTime
}

// selector returns the field selector that the API server applies, or the empty
// string if it sends all Events.
func (t *term) selector() string {
	if !t.options.PushDown {
		return ""
	}
	return t.config.Filters.Selector().String()
}

// followConfig applies the limits and the selector of changed filter files until
// ctx ends. Sources already decide with the changed filters.
func (t *term) followConfig(ctx context.Context, fail context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.gateway.changed:
		}
		before := t.selector()
		counts := t.config.Limits.ActiveBuilds > 0
		t.config = t.gateway.config.Load()
		t.queue.Limit(t.config.Limits)
		if counts != (t.config.Limits.ActiveBuilds > 0) {
			t.workers.stop()
			t.startWorkers(ctx, fail)
		}
		if t.selector() != before {
			t.sources.stop()
			t.startSources(ctx, fail)
		}
	}
}

// positions returns the position of each scope.
func (t *term) positions() position.Positions {
	all := position.Positions{}
	for scope, tracker := range t.trackers {
		all[scope] = tracker.Position()
	}
	return all
}

// ageEvery is the interval in which watchAge compares positions.
const ageEvery = 3 * time.Second

// watchAge records since when the position has not moved although a build waits.
func (t *term) watchAge(ctx context.Context) {
	held := &t.gateway.metrics.held
	defer held.Store(0)
	ticker := time.NewTicker(ageEvery)
	defer ticker.Stop()
	var before position.Positions
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		outstanding := 0
		for _, tracker := range t.trackers {
			outstanding += tracker.Outstanding()
		}
		now := t.positions()
		switch {
		case outstanding == 0:
			held.Store(0)
		case held.Load() == 0 || !maps.Equal(now, before):
			held.Store(time.Now().UnixNano())
		}
		before = now
	}
}
