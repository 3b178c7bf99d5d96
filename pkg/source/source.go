// Package source reads Events: it lists and watches those of one scope, cuts
// each to a bounded size, decides on it, and hands what is accepted to delivery.
//
// It is the near end of the flow. A shared informer does what client-go knows
// best: it lists, watches, resumes and backs off. Its ListWatch is this package:
// every Event is dealt with as it is read, in the order of its version, so the
// informer's cache stays empty and an Event takes memory only while its build
// waits.
package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

const (
	// lookEvery is how often the cluster's current version is asked for, to
	// notice within a minute that its history went back.
	lookEvery = 30 * time.Second
	// versionTimeout is the deadline of that question.
	versionTimeout = 15 * time.Second
)

// ErrHistory says that the cluster's history went back behind what was read of
// it: the cluster was restored from a backup.
var ErrHistory = errors.New("the cluster's history went back, because it was restored from a backup")

// Queue takes accepted builds.
type Queue interface {
	Add(b delivery.Build, tracker delivery.Tracker)
}

// Observer sees each Event that is read, once, with the verdict on it.
type Observer interface {
	Seen(ctx context.Context, e *corev1.Event, v filter.Verdict)
}

// Metrics counts what sources do.
type Metrics struct {
	watches prometheus.Counter
	errors  prometheus.Counter
}

// NewMetrics registers the metrics of this package with r. It panics where they
// are registered already, as prometheus.MustRegister does.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		watches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "watch_restarts_total",
			Help: "Watches of Events that were started; the API server ends each after some minutes.",
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "watch_errors_total",
			Help: "Lists and watches of Events that failed.",
		}),
	}
	r.MustRegister(m.watches, m.errors)
	return m
}

// Options are what a Source works with.
type Options struct {
	Core  corev1client.CoreV1Interface
	Scope position.Scope
	// Selector is the field selector that the API server applies.
	Selector string
	// Tracker follows the scope's Events.
	Tracker *position.Tracker
	// Decider returns what decides on Events now.
	Decider  func() *decide.Decider
	Queue    Queue
	Observer Observer
	Metrics  *Metrics
}

// Source reads the Events of one scope.
type Source struct {
	core     corev1client.CoreV1Interface
	events   corev1client.EventInterface
	selector string
	tracker  *position.Tracker
	decider  func() *decide.Decider
	queue    Queue
	observer Observer
	metrics  *Metrics
	// listed is closed when the first list has ended, in whatever way.
	listed chan struct{}
	once   sync.Once
	// fail ends Run with an error.
	fail context.CancelCauseFunc
}

// New returns a Source that reads nothing until it is run.
func New(o Options) *Source {
	return &Source{
		core: o.Core, events: o.Core.Events(string(o.Scope)), selector: o.Selector, tracker: o.Tracker, decider: o.Decider,
		queue: o.Queue, observer: o.Observer, metrics: o.Metrics,
		listed: make(chan struct{}), fail: func(error) {},
	}
}

// Listed returns a channel that is closed when the Events that are there were
// read, or could not be at the first attempt.
func (s *Source) Listed() <-chan struct{} { return s.listed }

// Run reads Events until ctx ends, and calls synced when it has read those that
// are there. Its error is ErrHistory, or says that the informer does not start.
func (s *Source) Run(ctx context.Context, synced func()) error {
	ctx, s.fail = context.WithCancelCause(ctx)
	defer s.fail(nil)
	lw := &cache.ListWatch{ListWithContextFunc: s.list, WatchFuncWithContext: s.watch}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, s.core), &corev1.Event{}, 0, cache.Indexers{})
	var looks sync.WaitGroup
	looks.Go(func() { s.look(ctx) })
	looks.Go(func() {
		if cache.WaitFor(ctx, "", informer.HasSyncedChecker()) { // at once, unlike WaitForCacheSync, which polls
			synced()
		}
	})
	informer.RunWithContext(ctx)
	looks.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, ErrHistory) {
		return cause
	}
	return nil
}

// take decides on one version of an Event, and queues the build that it asks
// for where it is accepted. It keeps e, which nobody else may change then.
func (s *Source) take(ctx context.Context, e *corev1.Event) {
	reading := s.tracker.Read(event.Key(e), e.ResourceVersion)
	if reading.Known {
		return
	}
	event.Trim(e)
	verdict := s.decider().Decide(e)
	if reading.First {
		s.observer.Seen(ctx, e, verdict)
	}
	if verdict.Action != filter.Accept {
		return
	}
	project := brigade.ProjectID(verdict.Project)
	s.tracker.Track(e.ResourceVersion)
	s.queue.Add(delivery.Build{
		ID:        identity.Of(project, e, verdict.OncePer),
		ProjectID: project,
		CommitRef: verdict.CommitRef,
		LogLevel:  string(verdict.LogLevel),
		Group:     groupOf(e, verdict.OncePer),
		By:        verdict.By,
		Event:     e,
	}, s.tracker)
}

// look compares the cluster's current version with what was read, now and then,
// until ctx ends.
func (s *Source) look(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		read := s.tracker.HighWater()
		current, err := Version(ctx, s.events)
		if err == nil { // an error is the watch's to report
			s.check(read, current)
		}
	}
}

// Version returns the current version of the cluster's history, as the given
// client for Events sees it.
func Version(ctx context.Context, events corev1client.EventInterface) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	list, err := events.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return "", err
	}
	return list.ResourceVersion, nil
}

// check ends the Source where the cluster's current version is behind what was
// read of its history.
func (s *Source) check(read, current string) {
	if position.Ahead(read, current) {
		s.fail(fmt.Errorf("%w: read up to resourceVersion %s, now at %s", ErrHistory, read, current))
	}
}

// groupOf says which Events a build stands for besides e, and nothing where it
// stands for none.
func groupOf(e *corev1.Event, once filter.OncePer) string {
	if !once.GroupBy.IsSet() {
		return ""
	}
	return once.GroupBy.Describe(e) + " in " + once.String()
}
