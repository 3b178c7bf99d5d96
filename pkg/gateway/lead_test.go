package gateway

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	kubetesting "k8s.io/client-go/testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// steps returns the writes of Leases and ConfigMaps, in order.
func steps(client *fake.Clientset) []string {
	var all []string
	for _, a := range client.Actions() {
		if r := a.GetResource().Resource; r == "leases" || r == "configmaps" {
			if v := a.GetVerb(); v != "get" && v != "watch" {
				all = append(all, v+" "+r)
			}
		}
	}
	return all
}

// failing returns a switch: while it is on, the requests fail with err.
func failing(client *fake.Clientset, verb, resource string, err error) (on *atomic.Bool) {
	on = &atomic.Bool{}
	client.PrependReactor(verb, resource, func(kubetesting.Action) (bool, runtime.Object, error) {
		return on.Load(), nil, err
	})
	return on
}

// wantNotReady fails the test unless g is not ready because of what begins with head
// and ends with why. Between them is a duration.
func wantNotReady(t *testing.T, g *Gateway, head, why string) {
	t.Helper()
	_, err := g.Ready()
	if err == nil || !strings.HasPrefix(err.Error(), head) || !strings.HasSuffix(err.Error(), why) {
		t.Errorf("not ready because %v, want %s…%s", err, head, why)
	}
}

// running runs g until the returned function is called. An error of Run fails the
// test.
func running(t *testing.T, g *Gateway) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestTheLeaseIsReleasedAfterThePositionIsSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var output bubbletest.Log
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		g := newTestTerm(t, client, &output, nil).gateway
		stop := running(t, g)
		bubbletest.Pass(time.Second)
		if s := g.Status(); !s.Leading || s.Leader != "this" {
			t.Errorf("leading %v, leader %q, want to lead", s.Leading, s.Leader)
		}
		if _, err := g.Ready(); err != nil {
			t.Error(err)
		}
		client.ClearActions()
		stop()
		got := strings.Join(steps(client), ", ")
		if want := "update configmaps, update leases"; got != want {
			t.Errorf("at the end: %s, want %s", got, want)
		}
		if s := g.Status(); s.Leading || s.Positions != nil {
			t.Errorf("status after the end: %+v", s)
		}
	})
}

// silentLeases are Leases that do not answer while silent is true.
type silentLeases struct {
	coordinationv1client.CoordinationV1Interface
	silent atomic.Bool
}

func (s *silentLeases) Leases(namespace string) coordinationv1client.LeaseInterface {
	return &silentLease{LeaseInterface: s.CoordinationV1Interface.Leases(namespace), of: s}
}

type silentLease struct {
	coordinationv1client.LeaseInterface
	of *silentLeases
}

func (l *silentLease) Get(ctx context.Context, name string, options metav1.GetOptions) (*coordinationv1.Lease, error) {
	if l.of.silent.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return l.LeaseInterface.Get(ctx, name, options)
}

func (l *silentLease) Update(ctx context.Context, lease *coordinationv1.Lease, options metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	if l.of.silent.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return l.LeaseInterface.Update(ctx, lease, options)
}

// TestALeaderThatCannotRenewStopsBeforeTheLeaseExpires also when the request that would
// release the Lease is not answered.
func TestALeaderThatCannotRenewStopsBeforeTheLeaseExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		g := newTestTerm(t, client, &bytes.Buffer{}, nil).gateway
		leases := &silentLeases{CoordinationV1Interface: client.CoordinationV1()}
		g.options.Coordination = leases
		stop := running(t, g)
		bubbletest.Pass(time.Minute)
		if !g.Status().Leading {
			t.Error("does not lead while it can renew the Lease")
		}
		leases.silent.Store(true)
		bubbletest.Pass(g.options.Election.LeaseDuration)
		if g.Status().Leading {
			t.Error("leads when the Lease has expired")
		}
		leases.silent.Store(false)
		bubbletest.Pass(time.Minute)
		if !g.Status().Leading {
			t.Error("does not lead again")
		}
		stop()
	})
}

// leaseOf returns a Lease as its holder last renewed it, or a released one if the
// holder is empty.
func leaseOf(holder string) *coordinationv1.Lease {
	now, seconds := metav1.NowMicro(), int32(15)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "brigade", Name: "gateway"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now},
	}
}

func TestAStandbyNamesTheLeaderAndAcquiresAReleasedLeaseAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		leases := client.CoordinationV1().Leases("brigade")
		if _, err := leases.Create(t.Context(), leaseOf("other"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		g := newTestTerm(t, client, &bytes.Buffer{}, nil).gateway
		stop := running(t, g)
		bubbletest.Pass(5 * time.Second)
		if s := g.Status(); s.Leading || s.Leader != "other" {
			t.Errorf("leading %v, leader %q, want to stand by for the other", s.Leading, s.Leader)
		}
		if _, err := g.Ready(); err != nil {
			t.Errorf("a standby is not ready: %v", err)
		}
		// The fake API server's watch does not send existing objects: the holder
		// renews, as it does every two seconds, and then releases.
		for _, holder := range []string{"other", ""} {
			if _, err := leases.Update(t.Context(), leaseOf(holder), metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		bubbletest.Pass(time.Millisecond)
		if s := g.Status(); !s.Leading || s.Leader != "this" {
			t.Errorf("leading %v, leader %q, want to lead as soon as the Lease is released", s.Leading, s.Leader)
		}
		stop()
	})
}

func TestALeaseThatCannotBeRenewedEndsTheLead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		refuses := failing(client, "update", "leases", apierrors.NewServiceUnavailable("etcd is down"))
		g := newTestTerm(t, client, &bytes.Buffer{}, nil).gateway
		stop := running(t, g)
		bubbletest.Pass(time.Second)
		if !g.Status().Leading {
			t.Fatal("does not lead")
		}
		refuses.Store(true)
		bubbletest.Pass(DefaultElection().RenewDeadline + DefaultElection().RetryPeriod)
		if g.Status().Leading {
			t.Error("leads though the lease cannot be renewed")
		}
		refuses.Store(false)
		bubbletest.Pass(2 * DefaultElection().LeaseDuration)
		if !g.Status().Leading {
			t.Error("does not lead again once the lease can be renewed")
		}
		stop()
	})
}

func TestAPositionThatAnotherGatewayWroteEndsTheLead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var output bubbletest.Log
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		conflicts := failing(client, "update", "configmaps", apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "position", errors.New("changed")))
		client.PrependReactor("get", "configmaps", func(kubetesting.Action) (bool, runtime.Object, error) {
			return conflicts.Load(), &corev1.ConfigMap{Data: map[string]string{"namespace.pequod": "60"}}, nil
		})
		g := newTestTerm(t, client, &output, nil).gateway
		stop := running(t, g)
		bubbletest.Pass(time.Second)
		conflicts.Store(true)
		bubbletest.Pass(40 * time.Second)
		if n := strings.Count(output.String(), "position was written by another gateway, giving up the lead"); n == 0 {
			t.Errorf("the lead is not given up:\n%s", output.String())
		}
		conflicts.Store(false)
		bubbletest.Pass(time.Minute)
		if !g.Status().Leading {
			t.Error("does not lead again")
		}
		stop()
	})
}

// A standby is ready. If it takes the lead without the right to list Events, it must
// report that it does not work.
func TestALeaderThatMayNotListEventsSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		leases := client.CoordinationV1().Leases("brigade")
		if _, err := leases.Create(t.Context(), leaseOf("other"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		denied := failing(client, "list", "events", apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("no Role grants it")))
		denied.Store(true)
		registry := prometheus.NewRegistry()
		g := newTestTerm(t, client, &bytes.Buffer{}, nil).gateway
		options := g.options
		options.Registerer = registry
		g = New(options)
		unwatched := func() float64 {
			t.Helper()
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "events_unwatched_seconds" {
					return f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			t.Fatal("no metric events_unwatched_seconds")
			return 0
		}
		stop := running(t, g)
		bubbletest.Pass(5 * time.Second)
		if _, err := g.Ready(); err != nil || unwatched() != 0 {
			t.Errorf("a standby is not ready: %v, and has not watched for %v s", err, unwatched())
		}
		// The other replica does not renew the Lease.
		bubbletest.Pass(3 * time.Minute)
		if !g.Status().Leading {
			t.Fatal("does not lead")
		}
		wantNotReady(t, g, "not watching Events for ", ": list Events in namespace pequod: events is forbidden: no Role grants it")
		if got := unwatched(); got < 120 {
			t.Errorf("has not watched for %v s, want the time since it leads", got)
		}
		denied.Store(false)
		bubbletest.Pass(time.Minute)
		if _, err := g.Ready(); err != nil || unwatched() != 0 {
			t.Errorf("not ready once it may list: %v, and has not watched for %v s", err, unwatched())
		}
		stop()
	})
}

// Without the right to create it, a Lease that is deleted under its holder does not
// come back. No replica leads then, and /readyz reports it although the replica was ready.
func TestALeaseThatIsDeletedAndCannotBeCreatedIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		denied := failing(client, "create", "leases", apierrors.NewForbidden(schema.GroupResource{Resource: "leases"}, "", errors.New("no Role grants it")))
		g := newTestTerm(t, client, &bytes.Buffer{}, nil).gateway
		stop := running(t, g)
		bubbletest.Pass(time.Second)
		denied.Store(true)
		if err := client.CoordinationV1().Leases("brigade").Delete(t.Context(), "gateway", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		bubbletest.Pass(2 * time.Minute)
		if g.Status().Leading {
			t.Error("leads without a Lease")
		}
		wantNotReady(t, g, "the Lease could not be read or written for ", ": creating lease brigade/gateway: leases is forbidden: no Role grants it")
		denied.Store(false)
		bubbletest.Pass(time.Minute)
		if _, err := g.Ready(); err != nil || !g.Status().Leading {
			t.Errorf("leading %v, not ready because %v, want to lead once the Lease can be created", g.Status().Leading, err)
		}
		stop()
	})
}

// A Lease that is deleted may be created by another replica. The one that held it
// stops leading at its next renewal, and not at the renew deadline.
func TestALeaseThatAnotherReplicaHoldsEndsTheLead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newCluster(map[string]string{"namespace.pequod": "50"})
		taken := failing(client, "update", "leases", apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "gateway", errors.New("another UID")))
		client.PrependReactor("get", "leases", func(kubetesting.Action) (bool, runtime.Object, error) {
			return taken.Load(), leaseOf("other"), nil
		})
		g := newTestTerm(t, client, &bytes.Buffer{}, nil).gateway
		stop := running(t, g)
		bubbletest.Pass(time.Second)
		if !g.Status().Leading {
			t.Fatal("does not lead")
		}
		taken.Store(true)
		bubbletest.Pass(2 * DefaultElection().RetryPeriod)
		if g.Status().Leading {
			t.Error("leads though another replica holds the Lease")
		}
		stop()
	})
}
