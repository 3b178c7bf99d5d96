// Package source reads Events: it lists and watches those of one scope, trims each,
// decides on it, and passes accepted builds to pkg/delivery.
//
// It is the start of the flow. A shared informer lists, watches, resumes and backs
// off. Its ListWatch handles each Event as it is read and passes none on, so that
// the informer's cache stays empty and an Event takes memory only while its build
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
	// checkEvery is the interval in which the current resourceVersion of the
	// cluster is read, to notice within a minute that its history went back. It is
	// read too when a watch begins, because a restored API server ends all watches,
	// and before its history has passed what was read.
	checkEvery = 30 * time.Second
	// versionTimeout is the deadline of that read.
	versionTimeout = 15 * time.Second
)

// Queue takes accepted builds.
type Queue interface {
	Add(b delivery.Build, tracker delivery.Tracker)
}

// Observer observes each version of an Event once, with its verdict.
type Observer interface {
	Seen(ctx context.Context, e *corev1.Event, v filter.Verdict)
}

// Metrics has the metrics of all Sources.
type Metrics struct {
	watches prometheus.Counter
	errors  prometheus.Counter
}

// NewMetrics registers the metrics with r, as prometheus.MustRegister does.
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

// Options are the dependencies of a Source.
type Options struct {
	Core  corev1client.CoreV1Interface
	Scope position.Scope
	// Selector is the field selector that the API server applies.
	Selector string
	// Tracker is the tracker of the scope.
	Tracker *position.Tracker
	// Confirmation is called before each check of the history. The function that it
	// returns is called if the history has not gone back.
	Confirmation func() (confirm func())
	// Decider returns the current decider. It is called for each Event.
	Decider  func() *decide.Decider
	Queue    Queue
	Observer Observer
	Metrics  *Metrics
	// Reading is called with nil when the Source watches all Events, and with the
	// error when a list or a watch failed.
	Reading func(err error)
}

// Source reads the Events of one scope.
type Source struct {
	core     corev1client.CoreV1Interface
	events   corev1client.EventInterface
	selector string
	tracker  *position.Tracker
	confirm  func() func()
	decider  func() *decide.Decider
	queue    Queue
	observer Observer
	metrics  *Metrics
	reading  func(err error)
	// watched receives when a watch has begun that continues from what was read.
	watched chan struct{}
	// listed is closed when the first list has succeeded or failed.
	listed chan struct{}
	once   sync.Once
	// fail stops Run with an error.
	fail context.CancelCauseFunc
}

// New returns a Source. Run starts it.
func New(o Options) *Source {
	return &Source{
		core: o.Core, events: o.Core.Events(string(o.Scope)), selector: o.Selector, tracker: o.Tracker, confirm: o.Confirmation, decider: o.Decider,
		queue: o.Queue, observer: o.Observer, metrics: o.Metrics, reading: o.Reading,
		watched: make(chan struct{}, 1), listed: make(chan struct{}), fail: func(error) {},
	}
}

// Listed returns a channel that is closed when the first list of existing Events
// has succeeded or failed.
func (s *Source) Listed() <-chan struct{} { return s.listed }

// Run reads Events until ctx ends, and calls synced when it has read all existing
// ones. Its error is position.ErrHistory.
func (s *Source) Run(ctx context.Context, synced func()) error {
	ctx, s.fail = context.WithCancelCause(ctx)
	defer s.fail(nil)
	lw := &cache.ListWatch{ListWithContextFunc: s.list, WatchFuncWithContext: s.watch}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, s.core), &corev1.Event{}, 0, cache.Indexers{})
	var running sync.WaitGroup
	running.Go(func() { s.checkHistory(ctx) })
	running.Go(func() {
		if cache.WaitFor(ctx, "", informer.HasSyncedChecker()) { // WaitForCacheSync would poll
			synced()
		}
	})
	informer.RunWithContext(ctx)
	running.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, position.ErrHistory) {
		return cause
	}
	return nil
}

// take decides on one version of an Event and, if it is accepted, queues the build.
// It keeps e, which the caller must not change afterwards.
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
	project := ""
	if verdict.Destination == "" {
		project = brigade.ProjectID(verdict.Project)
	}
	s.tracker.Track(e.ResourceVersion)
	s.queue.Add(delivery.Build{
		ID:          identity.Of(identity.TargetOf(verdict.Destination, project), e, verdict.OncePer),
		Destination: verdict.Destination,
		ProjectID:   project,
		CommitRef:   verdict.CommitRef,
		LogLevel:    string(verdict.LogLevel),
		Group:       groupOf(e, verdict.OncePer),
		By:          verdict.By,
		Event:       e,
	}, s.tracker)
}

// checkHistory compares the current version of the cluster with the high-water mark
// at intervals and when a watch has begun, until ctx ends.
func (s *Source) checkHistory(ctx context.Context) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.watched:
		case <-ticker.C:
		}
		confirm := s.confirm()
		read := s.tracker.HighWater()
		current, err := Version(ctx, s.events)
		if err == nil && s.check(read, current) { // the watch reports errors
			confirm()
		}
	}
}

// Version returns the current resourceVersion of the cluster.
func Version(ctx context.Context, events corev1client.EventInterface) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	list, err := events.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return "", err
	}
	return list.ResourceVersion, nil
}

// failed counts and reports that a list or a watch failed. One that was stopped has
// not.
func (s *Source) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.metrics.errors.Inc()
		s.reading(err)
	}
}

// check stops the Source if the current version of the cluster is lower than one
// read before, and reports whether it is not.
func (s *Source) check(read, current string) bool {
	if position.Ahead(read, current) {
		s.fail(fmt.Errorf("%w: read up to resourceVersion %s, now at %s", position.ErrHistory, read, current))
		return false
	}
	return true
}

// groupOf returns which Events share the build of e, as readable text, and
// nothing without groupBy.
func groupOf(e *corev1.Event, once filter.OncePer) string {
	if !once.GroupBy.IsSet() {
		return ""
	}
	return once.GroupBy.Describe(e) + " in " + once.String()
}
