package delivery

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// ignored is a Tracker that does nothing.
type ignored struct{}

func (ignored) Done(string) {}

// BenchmarkTake takes the next build of many flows, charged to the limits, and puts it
// back.
func BenchmarkTake(b *testing.B) {
	const each = 10
	for _, flows := range []int{10, 1000} {
		b.Run(fmt.Sprintf("%d flows", flows), func(b *testing.B) {
			q := NewQueue(Options{
				Limits:  limit.Limits{BuildsPerMinute: 1_000_000, Burst: 1_000_000, Queued: 1_000_000},
				Workers: 1, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
			})
			for i := range each * flows {
				namespace := fmt.Sprintf("namespace-%d", i%flows)
				q.Add(Build{ID: fmt.Sprintf("%026d", i), Event: &corev1.Event{
					ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("web-", i), ResourceVersion: fmt.Sprint(1 + i)},
				}}, ignored{})
			}
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				p, wait := q.next(now)
				if p == nil {
					b.Fatalf("nothing to take for %s", wait)
				}
				q.writing--
				p.writing = false
				q.limiter.settle(p, Exists, now)
				q.flows.Add(p)
			}
		})
	}
}
