// Package gateway is the running daemon: it reads Events through informers
// whose ListWatch decides on each, hands accepted ones to delivery, and keeps
// its position, so that it can be killed at any moment and lose nothing.
//
// The data goes one way: ListWatch (reader) → informer → intake → queue →
// Secret. A pipeline is one such run with one filter list; a Gateway runs
// pipelines one after the other, beginning each from the position.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/leaderelection"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
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
	// ConfigPath is the filter file. Without one every Event is rejected.
	ConfigPath string
	// Scopes are watched, each by an informer of its own.
	Scopes []position.Scope
	// BuildNamespace is where build Secrets are created.
	BuildNamespace string
	// Workers is how many Secrets are created at the same time.
	Workers int
	// LogEvents says which Events are logged.
	LogEvents LogEvents
	// Position names the ConfigMap that keeps the position; without a name the
	// position lives as long as the process.
	Position Object
	// ReplayExisting builds from the Events that are there when there is no
	// stored position, instead of skipping them.
	ReplayExisting bool
	// Lease names the Lease that replicas compete for; without a name there is
	// no election and the process leads.
	Lease Object
	// Pod names the pod the process runs in, to report Warning Events on;
	// without a name they are only logged.
	Pod Object
	// Identity tells this process from other replicas.
	Identity string
	// AllowBrigadeEvents turns the loop guard off.
	AllowBrigadeEvents bool
	// PushDown has the API server leave out what the filters reject for sure.
	// What it leaves out is not seen, logged or counted.
	PushDown bool
	// DryRun has every Secret validated and none stored.
	DryRun bool
	// Grace is how long a stopping gateway goes on writing what is in flight.
	Grace time.Duration
	// Reach knows whether the API server answers the clients above.
	Reach      *Reach
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// takenPause keeps two gateways that take the position from each other from
// listing Events without rest.
const takenPause = 2 * time.Second

// Object names an object by namespace and name. The zero Object names none.
type Object struct {
	Namespace string
	Name      string
}

// Gateway is the daemon.
type Gateway struct {
	Options
	metrics *metrics
	events  *eventLog
	// config is the running filter file, content its text, and changed
	// receives when another one has been loaded.
	config  atomic.Pointer[config.Config]
	content []byte
	changed chan struct{}
	// floors are the positions at which the last pipeline stopped. They stand
	// where none are stored, or what was stored is gone.
	floors position.Positions
	// synced says that the Events have been watched, or that this replica stands
	// by. A pipeline that follows another in no time does not undo it.
	synced atomic.Bool
	// holdsLease fails when the Lease has run out under a process that thinks
	// it holds it.
	holdsLease *leaderelection.HealthzAdaptor
}

// New returns a Gateway that does nothing until it is run. The error is that
// of reading the filter file, a *config.Error where the file is wrong.
func New(o Options) (*Gateway, error) {
	loaded, content, err := load(o.ConfigPath)
	if err != nil {
		return nil, err
	}
	m := newMetrics(o.Registerer)
	m.loaded()
	g := &Gateway{
		Options:    o,
		metrics:    m,
		events:     newEventLog(o.LogEvents, o.Log, m),
		content:    content,
		changed:    make(chan struct{}, 1),
		holdsLease: leaderelection.NewLeaderHealthzAdaptor(leaseDuration),
	}
	g.config.Store(loaded)
	return g, nil
}

// Run works until ctx ends, and returns when everything it started has. The
// error says what no retry can heal: a position that cannot be read, a limit
// that the account has no right for.
func (g *Gateway) Run(ctx context.Context) error {
	g.logWarnings(g.config.Load())
	g.warn()
	ctx, stop := context.WithCancel(ctx)
	var follower sync.WaitGroup
	defer follower.Wait()
	defer stop()
	follower.Go(func() { g.followConfig(ctx) })
	if g.Lease.Name == "" {
		return g.lead(ctx, ctx)
	}
	return g.campaign(ctx)
}

// outOfReach is how long the API server may give no answer before the gateway
// is not ready any more.
const outOfReach = time.Minute

// Ready returns nil while the gateway watches Events or stands by, and
// otherwise why it is of no use right now.
func (g *Gateway) Ready() error {
	if lost := g.Reach.Lost(time.Now()); lost > outOfReach {
		return fmt.Errorf("the API server has not answered for %s", lost.Round(time.Second))
	}
	if !g.synced.Load() {
		return errors.New("the Events are not being watched yet")
	}
	return nil
}

// Healthy returns nil unless a restart would help: the process thinks that it
// leads though its Lease has run out.
func (g *Gateway) Healthy() error {
	return g.holdsLease.Check(nil)
}

// warn logs what the user chose and may not want.
func (g *Gateway) warn() {
	if g.AllowBrigadeEvents {
		g.Log.Warn("the loop guard is off: a filter that accepts Brigade's own pods makes every build cause further builds without end")
	}
	if g.Position.Name == "" {
		g.Log.Warn("the position is not stored: Events that arrive while the gateway is down are not built; name a ConfigMap with --position-configmap")
	}
	if g.config.Load().Filters.Len() == 0 {
		g.Log.Info("no filters: every Event is logged and none is built")
	}
}

// logWarnings logs what the filter file may not mean.
func (g *Gateway) logWarnings(c *config.Config) {
	for _, warning := range c.Warnings {
		g.Log.Warn("filter file", "warning", warning.String())
	}
}

// lead runs pipelines until leading ends, each from the position at which the
// one before it stopped. stopping is done when the process is to end, which
// ends leading too; where only leading ends, somebody else leads.
func (g *Gateway) lead(leading, stopping context.Context) error {
	g.metrics.leader.Set(1)
	defer g.metrics.leader.Set(0)
	for {
		// From here on a change ends the pipeline; one before it is taken up.
		select {
		case <-g.changed:
		default:
		}
		p := newPipeline(g, g.config.Load())
		err := p.run(leading, stopping)
		g.floors = p.positions()
		switch {
		case errors.Is(err, errReload):
		case errors.Is(err, position.ErrTaken) && g.Lease.Name != "":
			g.Log.Warn("another gateway wrote the position: giving up the lead", "err", err)
			return nil
		case errors.Is(err, position.ErrTaken):
			g.Log.Warn("another gateway without leader election writes the same position; starting again from what it wrote. "+
				"Builds stay single, but run one of them, or both with --leader-elect", "err", err)
			select {
			case <-leading.Done():
				return nil
			case <-time.After(takenPause):
			}
		case err != nil:
			return err
		case leading.Err() != nil:
			return nil
		}
	}
}
