package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The times of leader election are those of Kubernetes' own components
// (k8s.io/component-base/config/v1alpha1, RecommendedDefaultLeaderElectionConfiguration).
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// campaign competes for the Lease and leads whenever it is held, until ctx
// ends. The Lease is released only after the last pipeline has stopped and
// stored its position, so that the next leader finds it.
func (g *Gateway) campaign(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := g.term(ctx); err != nil {
			return err
		}
	}
	return nil
}

// term is one candidacy: it ends when the lead was held and given up or lost,
// or when ctx ends.
func (g *Gateway) term(ctx context.Context) error {
	candidacy, withdraw := context.WithCancel(context.WithoutCancel(ctx))
	defer withdraw()
	var (
		leads  atomic.Bool
		result = make(chan error, 1)
	)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: g.Lease.Namespace, Name: g.Lease.Name},
			Client:     g.Coordination,
			LockConfig: resourcelock.ResourceLockConfig{Identity: g.Identity},
		},
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Name:            g.Lease.Name,
		WatchDog:        g.holdsLease,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				leads.Store(true)
				defer withdraw()
				leading, stop := context.WithCancel(held)
				defer stop()
				defer context.AfterFunc(ctx, stop)()
				g.Log.Info("leading", "lease", g.Lease.Name, "identity", g.Identity)
				result <- g.lead(leading, ctx)
			},
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				if identity != g.Identity {
					g.synced.Store(true)
					g.Log.Info("standing by", "lease", g.Lease.Name, "leader", identity)
				}
			},
		},
	})
	if err != nil {
		return fmt.Errorf("competing for lease %s/%s: %w", g.Lease.Namespace, g.Lease.Name, err)
	}
	defer context.AfterFunc(ctx, func() {
		if !leads.Load() {
			withdraw()
		}
	})()
	elector.Run(candidacy)
	if !elector.IsLeader() && !leads.Load() {
		return nil
	}
	if err := <-result; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
