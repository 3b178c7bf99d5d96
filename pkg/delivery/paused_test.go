package delivery

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// counts is a Sink, a Tracker and a Reporter that only counts.
type counts struct{ written, done atomic.Int32 }

func (c *counts) Write(context.Context, Build) (Outcome, error) {
	c.written.Add(1)
	return Created, nil
}

func (c *counts) Done(string) { c.done.Add(1) }

func (*counts) Warn(string, string) {}

// Builds that are accepted while builds are paused wait, and are created afterwards.
func TestPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := limit.DefaultLimits()
		limits.Paused = true
		c := &counts{}
		q := NewQueue(Options{
			Sink: c, Limits: limits, Workers: 2, Grace: time.Second, Reporter: c,
			Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			q.Run(ctx)
		}()
		for _, id := range []string{"one", "two", "three"} {
			e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "pequod", Name: id, ResourceVersion: "1"}}
			q.Add(Build{ID: id, Event: e}, c)
		}
		time.Sleep(3 * time.Hour) // fake clock
		if written := c.written.Load(); written != 0 {
			t.Errorf("%d builds are written while they are paused, want none", written)
		}
		limits.Paused = false
		q.Limit(limits)
		time.Sleep(time.Minute) // fake clock
		if written, done := c.written.Load(), c.done.Load(); written != 3 || done != 3 {
			t.Errorf("%d builds are written and %d done, want 3", written, done)
		}
		stop()
		<-ended
		q.Close()
	})
}
