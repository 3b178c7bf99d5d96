package gateway

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// pod returns the metadata of a build's worker pod.
func pod(build string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"build": build}}}
}

// passing sends n builds through the gate, one after the other, and counts
// those that pass.
func passing(ctx context.Context, g *gate, n int) *atomic.Int32 {
	var passed atomic.Int32
	go func() {
		for i := range n {
			if g.Wait(ctx, delivery.Build{ID: fmt.Sprint("b", i)}) != nil {
				return
			}
			passed.Add(1)
		}
	}()
	return &passed
}

func TestTheGatePacesBuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := newMetrics(prometheus.NewRegistry())
		g := newGate(limit.Limits{BuildsPerMinute: 60, Burst: 20}, slog.New(slog.NewTextHandler(&log, nil)), m)
		passed := passing(t.Context(), g, 200)
		synctest.Wait()
		if got := passed.Load(); got != 20 {
			t.Errorf("%d builds at once, want the burst of 20", got)
		}
		if got := testutil.ToFloat64(m.heldBack.WithLabelValues(limitPace)); got != 1 {
			t.Errorf("held_back is %v while builds wait, want 1", got)
		}
		<-time.After(time.Minute + time.Millisecond)
		synctest.Wait()
		if got := passed.Load(); got != 80 {
			t.Errorf("%d builds after a minute, want 60 more than the burst", got)
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if got := passed.Load(); got != 200 {
			t.Errorf("%d builds after three minutes, want all 200", got)
		}
		if got := testutil.ToFloat64(m.heldBack.WithLabelValues(limitPace)); got != 0 {
			t.Errorf("held_back is %v when nothing waits, want 0", got)
		}
		if got := testutil.ToFloat64(m.heldBackSeconds.WithLabelValues(limitPace)); got < 179 || got > 181 {
			t.Errorf("held back for %v seconds in all, want 180", got)
		}
		if lines := strings.Count(log.String(), "limit=buildsPerMinute"); lines != 3 {
			t.Errorf("%d lines in three minutes, want one a minute:\n%s", lines, log.String())
		}
		if !strings.Contains(log.String(), "for=1m0s") {
			t.Errorf("the log does not say for how long:\n%s", log.String())
		}
	})
}

func TestTheGateCapsActiveBuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m := newMetrics(prometheus.NewRegistry())
		g := newGate(limit.Limits{BuildsPerMinute: 1_000_000, Burst: 1000, ActiveBuilds: 3}, slog.New(slog.DiscardHandler), m)
		passed := passing(ctx, g, 100)
		want := func(n int32, when string) {
			t.Helper()
			synctest.Wait()
			if got := passed.Load(); got != n {
				t.Errorf("%d builds passed %s, want %d", got, when, n)
			}
		}
		want(3, "at first")
		if got := testutil.ToFloat64(m.heldBack.WithLabelValues(limitActive)); got != 1 {
			t.Errorf("held_back is %v while builds wait, want 1", got)
		}
		g.seen(pod("b0"))
		g.seen(pod("b1"))
		want(3, "when their pods run")
		g.gone(pod("b0"))
		want(4, "when a pod has ended")
		g.Settle(delivery.Build{ID: "b3"}, delivery.Exists)
		want(5, "when a build was there already")
		g.Settle(delivery.Build{ID: "b4"}, delivery.Created)
		want(5, "when a build was created")
		<-time.After(limit.AppearWithin + time.Millisecond)
		want(7, "when the pods of b2 and b4 are overdue")
		cancel()
		synctest.Wait()
	})
}
