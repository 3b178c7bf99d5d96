// Package gateway runs the daemon: it starts, elects a leader, reloads the filter
// file, and stops. It can be killed at any moment and loses nothing.
//
// Events flow one way: source (list, watch, decide) → delivery (queue, limits,
// retries) → brigade (Secret). A Gateway leads in one term or several. Each begins
// at the stored position.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/leaderelection"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// Options are the dependencies and settings of a Gateway.
type Options struct {
	// Core and Coordination are clients without a client-side throttle, because
	// API Priority and Fairness throttles.
	Core         corev1client.CoreV1Interface
	Coordination coordinationv1client.CoordinationV1Interface
	// Metadata and Authorization are used for limits.activeBuilds.
	Metadata      metadata.Interface
	Authorization authorizationv1client.AuthorizationV1Interface
	// Config is the filter file at start.
	Config *config.Config
	// Scopes are watched, each by its own source.
	Scopes []position.Scope
	// BuildNamespace is the namespace in which build Secrets are created.
	BuildNamespace string
	// Workers is the number of concurrent create calls, and of concurrent requests
	// to each receiver.
	Workers int
	// Cluster and Name are in the source of CloudEvents.
	Cluster string
	Name    Object
	// Receivers sends to all receivers of CloudEvents; nil for the network.
	Receivers http.RoundTripper
	// LogEvents is which Events are logged.
	LogEvents LogEvents
	// LogRejectedPerSecond is how many rejected Events are logged in a second, on
	// average; 0 logs all. Events that are not logged are counted.
	LogRejectedPerSecond int
	// Version and Commit are those of the binary.
	Version, Commit string
	// Position names the ConfigMap in which the position is stored; without a name
	// it is lost when the process ends.
	Position Object
	// ReplayExisting processes existing Events if there is no stored position,
	// instead of skipping them.
	ReplayExisting bool
	// Lease names the Lease of leader election; without a name there is no
	// election and this process leads.
	Lease Object
	// Election has the durations of leader election.
	Election Election
	// Pod names the pod of this process, on which Warning Events are reported;
	// without a name they are only logged.
	Pod Object
	// Identity identifies this replica in the Lease.
	Identity string
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
	// PushDown uses a server-side field selector, so that the API server does not
	// send Events that the filters reject. Those are not logged or counted.
	PushDown bool
	// DryRun has the API server validate every Secret and store none, and sends no
	// message. The position is read and never written, and there is no election.
	DryRun bool
	// Observer observes Events and outcomes; nil for none.
	Observer Observer
	// Grace is how long a stopping gateway waits for create calls in progress.
	Grace time.Duration
	// Connectivity observes whether the API server answers the clients above.
	Connectivity *Connectivity
	Log          *slog.Logger
	Registerer   prometheus.Registerer
}

// Observer observes what the gateway does. Its methods must not block, because
// they are called between reading an Event and queueing its build.
type Observer interface {
	// Seen is called once for each Event that is read, with its verdict. The Event
	// is not changed afterwards.
	Seen(e *corev1.Event, v filter.Verdict)
	delivery.Observer
}

// noObserver is the Observer of a Gateway without one.
type noObserver struct{}

func (noObserver) Seen(*corev1.Event, filter.Verdict)               {}
func (noObserver) Settled(delivery.Build, delivery.Outcome, string) {}

// Object is the namespace and name of an object. The zero value names none.
type Object struct {
	Namespace string
	Name      string
}

// Gateway is the daemon.
type Gateway struct {
	options Options
	log     *slog.Logger
	metrics *metrics
	events  *eventLog
	// config is the current filter file, and decider is its part that sources use.
	config  atomic.Pointer[config.Config]
	decider atomic.Pointer[decide.Decider]
	// using is locked while a filter file is replaced, and guards destinations.
	using        sync.Mutex
	destinations *destinations
	// changed receives when the filter file was replaced.
	changed chan struct{}
	// reached has the positions at which the last term ended. They are used if none
	// are stored.
	reached position.Positions
	// confirmed has the positions from which to start again after the history went
	// back, if lower ones are not stored.
	confirmed position.Positions
	// wentBack receives an error when the Lease shows that the history went back.
	wentBack chan error
	// leaseVersion is the resourceVersion of the Lease as the election last had it.
	leaseVersion string
	// synced is whether existing Events have been read, or this replica is a standby.
	// It stays true when the next term begins.
	synced atomic.Bool
	// term and queue are the current ones, or nil if this replica does not lead.
	// leader is the identity of the leader, if it is known.
	term   atomic.Pointer[term]
	queue  atomic.Pointer[delivery.Destinations]
	leader atomic.Pointer[string]
	// stopLeading ends the lead, nil in a standby.
	stopLeading atomic.Pointer[context.CancelFunc]
	// leaseFault is why the Lease cannot be read or written, or nil.
	leaseFault atomic.Pointer[fault]
	// holdsLease fails if the Lease has expired and this process still acts as
	// leader.
	holdsLease *leaderelection.HealthzAdaptor
}

// New returns a Gateway. Run starts it.
func New(o Options) *Gateway {
	o.Election = o.Election.orDefault()
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	m := newMetrics(o.Registerer, o.Version, o.Commit)
	g := &Gateway{
		options:    o,
		log:        o.Log,
		metrics:    m,
		events:     newEventLog(o.LogEvents, o.LogRejectedPerSecond, o.Log, m, o.Observer),
		changed:    make(chan struct{}, 1),
		wentBack:   make(chan error, 1),
		holdsLease: leaderelection.NewLeaderHealthzAdaptor(o.Election.LeaseDuration),
	}
	g.destinations = newDestinations(o)
	g.use(o.Config)
	return g
}

// use makes c the current filter file, for all Events read from now on.
func (g *Gateway) use(c *config.Config) {
	g.using.Lock()
	defer g.using.Unlock()
	if queue := g.queue.Load(); queue != nil { // before anything is accepted for a new destination
		queue.Use(g.destinations.of(c), c.Limits)
	}
	g.decider.Store(&decide.Decider{Filters: c.Filters, AllowBrigadeEvents: g.options.AllowBrigadeEvents})
	before := g.config.Swap(c)
	g.metrics.loaded()
	if paused := c.Limits.Paused; paused {
		g.metrics.paused.Set(1)
		g.log.Warn("builds paused")
	} else {
		g.metrics.paused.Set(0)
		if before != nil && before.Limits.Paused {
			g.log.Info("builds resumed")
		}
	}
	for _, warning := range c.Warnings {
		g.log.Warn("filter file", "warning", warning.String())
	}
}

// Apply replaces the filter file. Builds that were accepted before keep their
// filter list and project. The error is a *MissingRightError if the account lacks
// a right that the file needs. After any other error, which is that of the request
// for this right, Apply can be called again. Calls must not overlap, because the last
// to return is the file in use.
func (g *Gateway) Apply(ctx context.Context, c *config.Config) error {
	if c.Limits.ActiveBuilds > 0 {
		if err := g.mayCountWorkers(ctx); err != nil {
			return err
		}
	}
	g.use(c)
	g.log.Info("filter file loaded", "filters", c.Filters.Len())
	select {
	case g.changed <- struct{}{}:
	default: // the pending notification applies this file too
	}
	return nil
}

// Refuse records that a filter file was refused and the previous one stays in use.
func (g *Gateway) Refuse(error) { g.metrics.refused() }

// Run runs the gateway until ctx ends, and returns when everything that it started
// has returned. Its error is one that a retry does not heal: an invalid stored
// position, or a limit that needs a right that the account does not have.
func (g *Gateway) Run(ctx context.Context) error {
	g.logChoices()
	if g.options.Lease.Name == "" || g.options.DryRun {
		return g.lead(ctx, ctx)
	}
	return g.elect(ctx)
}

// logChoices logs settings with consequences that the user may not expect.
func (g *Gateway) logChoices() {
	if g.options.DryRun {
		g.log.Warn("dry run", "hint", "builds are validated and not created, the position is read and not written, and there is no leader election")
	}
	if g.options.AllowBrigadeEvents {
		g.log.Warn("loop guard disabled", "hint", "a filter that accepts the pods of builds makes every build cause more builds, without end")
	}
	if g.options.Position.Name == "" {
		g.log.Warn("position not stored", "hint", "Events that occur while the gateway is down are not built; name a ConfigMap with --position-configmap")
	}
	if g.config.Load().Filters.Len() == 0 {
		g.log.Info("no filters", "hint", "every Event is logged and none is built")
	}
}

// maxFault is how long the API server may not answer, Events not be watched, or the
// Lease not be read or written, before the gateway is not ready.
const maxFault = time.Minute

// Ready returns nil while the gateway watches Events or is a standby, and otherwise
// the reason why it does neither. The notes name problems with which it still
// works.
func (g *Gateway) Ready() (notes []string, err error) {
	now := time.Now()
	if unanswered := g.options.Connectivity.Unanswered(now); unanswered > maxFault {
		return nil, fmt.Errorf("the API server has not answered for %s", unanswered.Round(time.Second))
	}
	unwatched := g.metrics.reading.longest()
	var unelected fault
	if f := g.leaseFault.Load(); f != nil {
		unelected = *f
	}
	if !g.synced.Load() {
		if unwatched.why == "" {
			unwatched.why = unelected.why
		}
		return nil, fmt.Errorf("not watching Events yet%s", unwatched)
	}
	if lasted := unwatched.lasted(now); lasted > maxFault {
		return nil, fmt.Errorf("not watching Events for %s%s", lasted.Round(time.Second), unwatched)
	}
	if lasted := unelected.lasted(now); lasted > maxFault {
		return nil, fmt.Errorf("the Lease could not be read or written for %s%s", lasted.Round(time.Second), unelected)
	}
	if g.config.Load().Limits.Paused {
		notes = append(notes, "paused: no build is created")
	}
	notes = append(notes, g.failingReceivers(now)...)
	if unsaved := g.metrics.unsavedFor(now); unsaved > 0 {
		notes = append(notes, fmt.Sprintf("the position has not been saved for %s: see the log", unsaved.Round(time.Second)))
	}
	return notes, nil
}

// Healthy returns an error if a restart would help: the Lease has expired and this
// process still acts as leader.
func (g *Gateway) Healthy() error {
	return g.holdsLease.Check(nil)
}

// conflictPause is the pause after a conflict, so that two gateways that write the
// same position do not list Events all the time.
const conflictPause = 2 * time.Second

// lead reads Events and creates builds until leading ends. If stopping is done too,
// the process stops; otherwise another replica leads.
func (g *Gateway) lead(leading, stopping context.Context) error {
	g.metrics.leader.Set(1)
	defer g.metrics.leader.Set(0)
	defer g.metrics.unsaved.Store(0) // the next leader reads again what is not saved
	reporter, stopReporter := newReporter(g.options)
	defer stopReporter()
	queue := g.openQueue(reporter)
	defer g.destinations.close()
	defer queue.Close()
	defer g.queue.Store(nil)
	defer g.metrics.reading.clear()
	for {
		for _, scope := range g.options.Scopes {
			g.metrics.reading.failed(scope, "")
		}
		t := newTerm(g, queue)
		err := t.run(leading, stopping)
		switch {
		case errors.Is(err, position.ErrHistory):
			g.log.Warn("cluster history went back, starting again", "err", err)
		case errors.Is(err, position.ErrTaken) && g.options.Lease.Name != "":
			g.log.Warn("position was written by another gateway, giving up the lead", "err", err)
			return nil
		case errors.Is(err, position.ErrTaken):
			g.log.Warn("position was written by another gateway, starting again from it",
				"err", err, "hint", "no build is created twice, but run one gateway, or all of them with --leader-elect")
			select {
			case <-leading.Done():
				return nil
			case <-time.After(conflictPause):
			}
		default:
			return err
		}
	}
}

// openQueue returns the queues of the destinations in the current file.
func (g *Gateway) openQueue(reporter delivery.Reporter) *delivery.Destinations {
	g.using.Lock()
	defer g.using.Unlock()
	c := g.config.Load()
	queue := delivery.NewDestinations(delivery.Options{
		Limits:   c.Limits,
		Workers:  g.options.Workers,
		Grace:    g.options.Grace,
		Log:      g.log,
		Metrics:  g.metrics.delivery,
		Reporter: reporter,
		Observer: g.options.Observer,
	}, g.destinations.of(c))
	g.queue.Store(queue)
	return queue
}
