package gateway

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

func TestHeldSinceIsWhenThePositionLastMovedWhileBuildsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var output bubbletest.Log
		term := newTestTerm(t, newCluster(nil), &output, nil)
		tracker := position.NewTracker("10")
		term.trackers = map[position.Scope]*position.Tracker{"pequod": tracker}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			term.watchAge(ctx)
		}()
		began := time.Now()
		// held returns after how many seconds the position was held, -1 where it is not.
		held := func() float64 {
			synctest.Wait()
			if since := term.gateway.Status().HeldSince; !since.IsZero() {
				return since.Sub(began).Seconds()
			}
			return -1
		}
		want := func(want float64, when string) {
			t.Helper()
			if got := held(); got != want {
				t.Errorf("held since second %v %s, want %v", got, when, want)
			}
		}
		time.Sleep(10 * time.Second) // fake clock
		want(-1, "while nothing waits")
		tracker.Track("11")
		tracker.Track("12")
		tracker.Advance("12")
		time.Sleep(20 * time.Second) // fake clock
		want(12, "once a build waits")
		tracker.Done("11")
		time.Sleep(20 * time.Second) // fake clock
		want(33, "once the position has moved")
		tracker.Done("12")
		time.Sleep(3 * time.Second) // fake clock
		want(-1, "once nothing waits")
		tracker.Track("13")
		tracker.Advance("13")
		time.Sleep(3 * time.Second) // fake clock
		want(54, "once another waits")
		stop()
		<-ended
		want(-1, "once another replica leads")
	})
}
