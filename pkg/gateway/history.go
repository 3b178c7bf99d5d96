package gateway

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// historyWentBack reports whether the cluster's current version is lower than one
// that was read.
func (t *term) historyWentBack(ctx context.Context) bool {
	for scope, tracker := range t.trackers {
		current, err := t.version(ctx, scope)
		return err == nil && position.Ahead(tracker.HighWater(), current)
	}
	return false
}

// leases are the Leases as the election reads and writes them. A Lease that is older
// than before shows within a retry period that the cluster was restored from a
// backup, however fast its history passes what was read.
type leases struct {
	client  coordinationv1client.LeasesGetter
	gateway *Gateway
}

func (l leases) Leases(namespace string) coordinationv1client.LeaseInterface {
	return &leaseVersions{LeaseInterface: l.client.Leases(namespace), gateway: l.gateway}
}

// leaseVersions compares the versions of the Lease. It embeds the client to implement
// its interface.
type leaseVersions struct {
	coordinationv1client.LeaseInterface
	gateway *Gateway
}

func (l *leaseVersions) Get(ctx context.Context, name string, options metav1.GetOptions) (*coordinationv1.Lease, error) {
	lease, err := l.LeaseInterface.Get(ctx, name, options)
	l.gateway.compareLease(lease, err)
	return lease, err
}

func (l *leaseVersions) Update(ctx context.Context, lease *coordinationv1.Lease, options metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	lease, err := l.LeaseInterface.Update(ctx, lease, options)
	l.gateway.compareLease(lease, err)
	return lease, err
}

// compareLease reports to the current term that the history went back if the Lease
// is older than the one before.
func (g *Gateway) compareLease(lease *coordinationv1.Lease, err error) {
	if err != nil {
		return
	}
	before := g.leaseVersion
	g.leaseVersion = lease.ResourceVersion
	if !position.WentBack(before, lease.ResourceVersion) {
		return
	}
	select {
	case g.wentBack <- fmt.Errorf("%w: the Lease was at resourceVersion %s, now at %s", position.ErrHistory, before, lease.ResourceVersion):
	default: // it is known
	}
}
