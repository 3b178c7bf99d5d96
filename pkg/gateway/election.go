package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Election has the durations of leader election, with the meaning that they have
// in all Kubernetes components.
type Election struct {
	// LeaseDuration is how long a standby waits after the last renewal it observed
	// before it acquires the Lease.
	LeaseDuration time.Duration
	// RenewDeadline is how long the leader retries a renewal before it stops leading.
	RenewDeadline time.Duration
	// RetryPeriod is the time between two attempts.
	RetryPeriod time.Duration
}

// DefaultElection returns the durations of Kubernetes' own components
// (k8s.io/component-base/config/v1alpha1, RecommendedDefaultLeaderElectionConfiguration).
func DefaultElection() Election {
	return Election{LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second}
}

func (e Election) orDefault() Election {
	d := DefaultElection()
	return Election{
		LeaseDuration: cmp.Or(e.LeaseDuration, d.LeaseDuration),
		RenewDeadline: cmp.Or(e.RenewDeadline, d.RenewDeadline),
		RetryPeriod:   cmp.Or(e.RetryPeriod, d.RetryPeriod),
	}
}

// Validate returns an error for durations that client-go's election refuses. It
// names the flag.
func (e Election) Validate() error {
	retry := time.Duration(leaderelection.JitterFactor * float64(e.RetryPeriod))
	switch {
	case e.RetryPeriod < time.Millisecond:
		return fmt.Errorf("--leader-elect-retry-period %s: must be at least 1ms", e.RetryPeriod)
	case e.RenewDeadline <= retry:
		return fmt.Errorf("--leader-elect-renew-deadline %s: must be longer than %s, which is --leader-elect-retry-period with its jitter", e.RenewDeadline, retry)
	case e.LeaseDuration <= e.RenewDeadline:
		return fmt.Errorf("--leader-elect-lease-duration %s: must be longer than --leader-elect-renew-deadline %s", e.LeaseDuration, e.RenewDeadline)
	case e.LeaseDuration < time.Second:
		return fmt.Errorf("--leader-elect-lease-duration %s: must be at least 1s, because a Lease counts in seconds", e.LeaseDuration)
	}
	return nil
}

// elect takes part in elections, and leads while it holds the Lease, until ctx
// ends. The Lease is released only after the last term has stopped and stored
// its position, so that the next leader finds it.
func (g *Gateway) elect(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := g.electOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// electOnce returns when this replica has led and stopped, when another replica
// released the Lease, so that the next call acquires it at once, or when ctx ends.
func (g *Gateway) electOnce(ctx context.Context) error {
	electing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	started := make(chan context.Context, 1)
	// client-go stops renewing after this time, and ends the lead only when it has tried
	// to release the Lease, which may take as long again: the Lease would expire meanwhile.
	patience := g.options.Election.RetryPeriod + g.options.Election.RenewDeadline
	expiring := time.AfterFunc(patience, g.endLead)
	defer expiring.Stop()
	elector, err := g.elector(func(leading context.Context) { started <- leading }, func() { expiring.Reset(patience) })
	if err != nil {
		cancel()
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(electing)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	watching, stopWatching := context.WithCancel(electing)
	released := make(chan struct{})
	go func() {
		defer close(released)
		g.awaitRelease(watching)
	}()
	defer func() { <-released }()
	defer stopWatching()
	select {
	case leading := <-started:
		stopWatching()
		leading, stop := context.WithCancel(leading)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		g.stopLeading.Store(&stop)
		defer g.stopLeading.Store(nil)
		g.log.Info("leading", "lease", g.options.Lease.Name, "identity", g.options.Identity)
		if err := g.lead(leading, ctx); !errors.Is(err, context.Canceled) {
			return err
		}
	case <-released:
	case <-ended:
	case <-ctx.Done():
	}
	return nil
}

// endLead ends the lead, if this replica leads.
func (g *Gateway) endLead() {
	if stop := g.stopLeading.Load(); stop != nil {
		(*stop)()
	}
}

// elector returns an elector that calls started when this replica begins to lead, and
// renewed when it has written the Lease.
func (g *Gateway) elector(started func(context.Context), renewed func()) (*leaderelection.LeaderElector, error) {
	lease := g.options.Lease
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &lock{gateway: g, renewed: renewed, LeaseLock: resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: lease.Namespace, Name: lease.Name},
			Client:     leases{client: g.options.Coordination, gateway: g},
			LockConfig: resourcelock.ResourceLockConfig{Identity: g.options.Identity},
		}},
		LeaseDuration:   g.options.Election.LeaseDuration,
		RenewDeadline:   g.options.Election.RenewDeadline,
		RetryPeriod:     g.options.Election.RetryPeriod,
		ReleaseOnCancel: true,
		Name:            lease.Name,
		WatchDog:        g.holdsLease,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: started,
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				g.leader.Store(&identity)
				if identity != "" && identity != g.options.Identity {
					g.synced.Store(true)
					g.log.Info("standing by", "lease", lease.Name, "leader", identity)
				}
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("creating the leader elector for lease %s/%s: %w", lease.Namespace, lease.Name, err)
	}
	return elector, nil
}

// rewatchAfter is the pause after a failed watch of the Lease. Without the watch,
// a released Lease is noticed at the next attempt to acquire it.
const rewatchAfter = 10 * time.Second

// awaitRelease returns when the Lease had a holder and was released, or when ctx
// ends. It only makes the next attempt come at once, and client-go's election
// decides who leads.
func (g *Gateway) awaitRelease(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		switch released, err := g.watchLease(ctx); {
		case released:
			return
		case apierrors.IsForbidden(err):
			g.log.Info("watching Lease forbidden, a released Lease is noticed at the next retry", "err", err)
			<-ctx.Done()
		case err != nil || time.Since(began) < rewatchAfter: // it failed, or ended early
			select {
			case <-ctx.Done():
			case <-time.After(rewatchAfter):
			}
		}
	}
}

// watchLease watches the Lease once, and reports whether it was released.
func (g *Gateway) watchLease(ctx context.Context) (released bool, err error) {
	lease := g.options.Lease
	w, err := g.options.Coordination.Leases(lease.Namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, lease.Name).String(),
	})
	if err != nil {
		return false, err
	}
	defer w.Stop()
	held := false
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case change, open := <-w.ResultChan():
			if !open {
				return false, nil
			}
			now, ok := change.Object.(*coordinationv1.Lease)
			switch {
			case !ok:
				return false, apierrors.FromObject(change.Object)
			case change.Type == watch.Deleted || now.Spec.HolderIdentity == nil || *now.Spec.HolderIdentity == "":
				if held {
					return true, nil
				}
			default:
				held = true
			}
		}
	}
}
