// Package gateway is the running daemon. It starts and stops what reads Events,
// delivers builds and keeps the position, elects a leader among replicas, and
// puts changed filter files into force, so that it can be killed at any moment
// and lose nothing.
//
// The data goes one way: source (list, watch, decide) → delivery (queue, limits,
// retries) → brigade (Secret). A Gateway leads, for as long as it may, in one
// term or several, each of which begins at the stored position.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/leaderelection"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/source"
)

// Options are what a Gateway works with.
type Options struct {
	// Core and Coordination talk to the API server without a client-side
	// throttle: API Priority and Fairness is the throttle.
	Core         corev1client.CoreV1Interface
	Coordination coordinationv1client.CoordinationV1Interface
	// Metadata and Authorization serve limits.activeBuilds.
	Metadata      metadata.Interface
	Authorization authorizationv1client.AuthorizationV1Interface
	// Config is the filter file to start with.
	Config *config.Config
	// Scopes are watched, each by a source of its own.
	Scopes []position.Scope
	// BuildNamespace is where build Secrets are created.
	BuildNamespace string
	// Workers is how many Secrets are created at the same time.
	Workers int
	// LogEvents says which Events are logged.
	LogEvents LogEvents
	// LogRejectedPerSecond is how many rejected Events are logged in a second, on
	// average; 0 logs all. What is not logged is counted.
	LogRejectedPerSecond int
	// Version and Commit say what runs.
	Version, Commit string
	// Position names the ConfigMap that keeps the position; without a name the
	// position lives as long as the process.
	Position Object
	// ReplayExisting builds from the Events that are there when there is no
	// stored position, instead of skipping them.
	ReplayExisting bool
	// Lease names the Lease that replicas compete for; without a name there is
	// no election and the process leads.
	Lease Object
	// Election holds the times of leader election.
	Election Election
	// Pod names the pod the process runs in, to report Warning Events on;
	// without a name they are only logged.
	Pod Object
	// Identity tells this process from other replicas.
	Identity string
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
	// PushDown uses a server-side field selector, so that what the filters
	// reject for sure is not sent. It is not seen, logged or counted then.
	PushDown bool
	// DryRun has every Secret validated and none stored. The position is read
	// and never written, and there is no election.
	DryRun bool
	// Observer sees Events and outcomes, beside log and metrics; nil for none.
	Observer Observer
	// Grace is how long a stopping gateway waits for writes that are under way.
	Grace time.Duration
	// Connectivity knows whether the API server answers the clients above.
	Connectivity *Connectivity
	Log          *slog.Logger
	Registerer   prometheus.Registerer
}

// Observer sees what the gateway does. It is called in the flow of Events, so it
// must not wait.
type Observer interface {
	// Seen sees each Event that is read, once, with the verdict on it. The Event
	// is not changed afterwards.
	Seen(e *corev1.Event, v filter.Verdict)
	delivery.Observer
}

// noObserver is the Observer where there is none.
type noObserver struct{}

func (noObserver) Seen(*corev1.Event, filter.Verdict)               {}
func (noObserver) Settled(delivery.Build, delivery.Outcome, string) {}

// Object names an object by namespace and name. The zero Object names none.
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
	// config is the filter file in force, and decider what of it sources need.
	config  atomic.Pointer[config.Config]
	decider atomic.Pointer[decide.Decider]
	// changed receives when another filter file was put into force.
	changed chan struct{}
	// reached are the positions at which the last term ended. They count where
	// none are stored.
	reached position.Positions
	// synced says that the Events have been watched, or that this replica stands
	// by. A term that follows another in no time does not undo it.
	synced atomic.Bool
	// term is the one at work, and queue what it delivers with; nil where this
	// replica does not lead. leader is who does, where that is known.
	term   atomic.Pointer[term]
	queue  atomic.Pointer[delivery.Queue]
	leader atomic.Pointer[string]
	// blocked is what the start waits for, nil where nothing is known to be
	// wrong.
	blocked atomic.Pointer[string]
	// holdsLease fails when the Lease has run out under a process that thinks
	// it holds it.
	holdsLease *leaderelection.HealthzAdaptor
}

// New returns a Gateway that does nothing until it is run.
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
		holdsLease: leaderelection.NewLeaderHealthzAdaptor(o.Election.LeaseDuration),
	}
	g.use(o.Config)
	return g
}

// use puts a filter file into force for what is read from now on.
func (g *Gateway) use(c *config.Config) {
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

// Apply puts another filter file into force. What was accepted before stays
// accepted, with the list and the project that it was accepted with. A
// MissingRightError says that the account lacks a right that the file needs;
// any other error that the API server could not be asked, and Apply can be
// called again.
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
	default: // a change that was not taken up yet will find this one
	}
	return nil
}

// Refuse records that a filter file was refused, and the one before it stays in
// force.
func (g *Gateway) Refuse(error) { g.metrics.refused() }

// Run works until ctx ends, and returns when everything it started has. The
// error says what no retry can heal: a position that cannot be read, a limit
// that the account has no right for.
func (g *Gateway) Run(ctx context.Context) error {
	g.logChoices()
	if g.options.Lease.Name == "" || g.options.DryRun {
		return g.lead(ctx, ctx)
	}
	return g.campaign(ctx)
}

// logChoices logs what the user chose and may not want.
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

// maxUnanswered is how long the API server may give no answer before the gateway
// is not ready any more.
const maxUnanswered = time.Minute

// Ready returns nil while the gateway watches Events or stands by, and
// otherwise why it is of no use right now. The notes say what is wrong and does
// not keep it from working.
func (g *Gateway) Ready() (notes []string, err error) {
	if unanswered := g.options.Connectivity.Unanswered(time.Now()); unanswered > maxUnanswered {
		return nil, fmt.Errorf("the API server has not answered for %s", unanswered.Round(time.Second))
	}
	if !g.synced.Load() {
		if blocked := g.blocked.Load(); blocked != nil {
			return nil, fmt.Errorf("the Events are not being watched yet: %s", *blocked)
		}
		return nil, errors.New("the Events are not being watched yet")
	}
	if g.config.Load().Limits.Paused {
		notes = append(notes, "paused: no build is created")
	}
	if unsaved := g.metrics.unsavedFor(time.Now()); unsaved > 0 {
		notes = append(notes, fmt.Sprintf("the position has not been saved for %s: see the log", unsaved.Round(time.Second)))
	}
	return notes, nil
}

// Healthy returns nil unless a restart would help: the process thinks that it
// leads though its Lease has run out.
func (g *Gateway) Healthy() error {
	return g.holdsLease.Check(nil)
}

// conflictPause keeps two gateways that take the position from each other from
// listing Events without rest.
const conflictPause = 2 * time.Second

// lead works until leading ends. stopping is done when the process is to end,
// which ends leading too; where only leading ends, another replica leads.
func (g *Gateway) lead(leading, stopping context.Context) error {
	g.metrics.leader.Set(1)
	defer g.metrics.leader.Set(0)
	defer g.metrics.unsaved.Store(0) // what is not saved by then is for the next leader to read again
	reporter, stopReporter := newReporter(g.options)
	defer stopReporter()
	queue := delivery.NewQueue(delivery.Options{
		Limits:   g.config.Load().Limits,
		Sink:     brigade.NewWriter(g.options.Core, g.options.BuildNamespace, g.options.DryRun),
		Workers:  g.options.Workers,
		Grace:    g.options.Grace,
		Log:      g.log,
		Metrics:  g.metrics.delivery,
		Reporter: reporter,
		Observer: g.options.Observer,
	})
	defer queue.Close()
	g.queue.Store(queue)
	defer g.queue.Store(nil)
	for {
		t := newTerm(g, queue)
		err := t.run(leading, stopping)
		switch {
		case errors.Is(err, source.ErrHistory):
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
