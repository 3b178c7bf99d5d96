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

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

func TestElectionTimes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		lease, renew, retry time.Duration
		err                 string
	}{
		"the defaults":                  {15 * time.Second, 10 * time.Second, 2 * time.Second, ""},
		"the shortest":                  {time.Second, 500 * time.Millisecond, 100 * time.Millisecond, ""},
		"no retry period":               {15 * time.Second, 10 * time.Second, 0, "--leader-elect-retry-period 0s: must be at least 1ms"},
		"a negative retry period":       {15 * time.Second, 10 * time.Second, -time.Second, "--leader-elect-retry-period -1s: must be at least 1ms"},
		"a deadline within two retries": {15 * time.Second, 12 * time.Second, 10 * time.Second, "--leader-elect-renew-deadline 12s: must be longer than 12s, which is --leader-elect-retry-period with its jitter"},
		"a lease that ends with it":     {10 * time.Second, 10 * time.Second, 2 * time.Second, "--leader-elect-lease-duration 10s: must be longer than --leader-elect-renew-deadline 10s"},
		"a lease below a second":        {900 * time.Millisecond, 500 * time.Millisecond, 100 * time.Millisecond, "--leader-elect-lease-duration 900ms: must be at least 1s, because a Lease counts in seconds"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := Election{LeaseDuration: tc.lease, RenewDeadline: tc.renew, RetryPeriod: tc.retry}
			err := e.Validate()
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || err.Error() != tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			g := newGateway(t, fake.NewClientset(), &bytes.Buffer{})
			g.options.Election = e
			if _, refused := g.elector(func(context.Context) {}, func() {}); (refused != nil) != (err != nil) && tc.lease >= time.Second {
				t.Errorf("client-go's election says %v, Validate %v", refused, err)
			}
		})
	}
	if DefaultElection().Validate() != nil || (Election{}).orDefault() != DefaultElection() {
		t.Error("the defaults are not used for unset durations")
	}
}

// awaiting is a Gateway that waits for the release of the Lease, in a bubble.
type awaiting struct {
	*testing.T
	output  bubbletest.Log
	watches atomic.Int32
	feed    atomic.Pointer[watch.FakeWatcher] // the last one
	refuses error
	ended   chan struct{}
}

func await(t *testing.T, refuses error, test func(a *awaiting)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &awaiting{T: t, refuses: refuses, ended: make(chan struct{})}
		client := fake.NewClientset()
		client.PrependWatchReactor("leases", func(kubetesting.Action) (bool, watch.Interface, error) {
			a.watches.Add(1)
			feed := watch.NewFake()
			a.feed.Store(feed)
			return true, feed, a.refuses
		})
		g := newGateway(t, client, &a.output)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(a.ended)
			g.awaitRelease(ctx)
		}()
		synctest.Wait()
		test(a)
		cancel()
		<-a.ended
	})
}

// shows sends the Lease with the given holder through the watch.
func (a *awaiting) shows(change watch.EventType, holder string) {
	a.feed.Load().Action(change, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "gateway"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}})
	synctest.Wait()
}

// wants fails the test unless the wait has ended, or not, as given.
func (a *awaiting) wants(released bool) {
	a.Helper()
	synctest.Wait()
	select {
	case <-a.ended:
		if !released {
			a.Error("the wait is over")
		}
	default:
		if released {
			a.Error("the wait continues")
		}
	}
}

func TestAReleasedLeaseIsNoticed(t *testing.T) {
	await(t, nil, func(a *awaiting) {
		a.shows(watch.Added, "other")
		a.shows(watch.Modified, "other")
		a.wants(false)
		a.shows(watch.Modified, "")
		a.wants(true)
	})
}

func TestADeletedLeaseIsNoticed(t *testing.T) {
	await(t, nil, func(a *awaiting) {
		a.shows(watch.Added, "other")
		a.shows(watch.Deleted, "other")
		a.wants(true)
	})
}

func TestALeaseWithoutAHolderIsLeftToTheElection(t *testing.T) {
	await(t, nil, func(a *awaiting) {
		a.shows(watch.Added, "")
		a.wants(false)
		a.shows(watch.Modified, "other")
		a.shows(watch.Modified, "")
		a.wants(true)
	})
}

func TestAWatchOfTheLeaseThatBreaksIsTriedAgain(t *testing.T) {
	await(t, nil, func(a *awaiting) {
		for range 5 {
			a.feed.Load().Stop()
			synctest.Wait()
		}
		if n := a.watches.Load(); n != 1 {
			a.Errorf("%d watches at once, want a pause after one that ended early", n)
		}
		bubbletest.Pass(rewatchAfter)
		a.feed.Load().Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired})
		bubbletest.Pass(rewatchAfter)
		if n := a.watches.Load(); n != 3 {
			a.Errorf("%d watches, want another one after each that broke", n)
		}
		a.shows(watch.Added, "other")
		a.shows(watch.Modified, "")
		a.wants(true)
	})
}

func TestWithoutTheRightToWatchTheLeaseItIsNotTriedAgain(t *testing.T) {
	await(t, apierrors.NewForbidden(coordinationv1.Resource("leases"), "gateway", errors.New("no right")), func(a *awaiting) {
		bubbletest.Pass(time.Hour)
		a.wants(false)
		if n := a.watches.Load(); n != 1 || strings.Count(a.output.String(), "watching Lease forbidden, a released Lease is noticed at the next retry") != 1 {
			a.Errorf("%d watches, want one, and one line:\n%s", n, a.output.String())
		}
	})
}
