package gateway

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is the Lease. It records why the Lease cannot be acquired, which client-go
// only logs. It embeds LeaseLock to be a resourcelock.Interface.
type lock struct {
	resourcelock.LeaseLock
	gateway *Gateway
	// renewed is called when the Lease was written.
	renewed func()
}

// Get reads the Lease. A Lease that does not exist yet is not an error. One that another
// replica holds ends the lead: client-go, which reads the Lease when a renewal fails,
// would continue until the renew deadline.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.LeaseLock.Get(ctx)
	if !apierrors.IsNotFound(err) {
		l.note("reading", err)
	}
	if err == nil && record.HolderIdentity != "" && record.HolderIdentity != l.Identity() {
		l.gateway.endLead()
	}
	return record, raw, err
}

func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.LeaseLock.Create(ctx, record)
	l.wrote("creating", err)
	return err
}

func (l *lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.LeaseLock.Update(ctx, record)
	l.wrote("updating", err)
	return err
}

func (l *lock) wrote(doing string, err error) {
	l.note(doing, err)
	if err == nil {
		l.renewed()
	}
}

// note records the error for /readyz.
func (l *lock) note(doing string, err error) {
	if err == nil {
		l.gateway.leaseFault.Store(nil)
		return
	}
	f := fault{since: time.Now(), why: doing + " lease " + l.Describe() + ": " + err.Error()}
	if before := l.gateway.leaseFault.Load(); before != nil {
		f.since = before.since
	}
	l.gateway.leaseFault.Store(&f)
}
