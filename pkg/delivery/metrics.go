package delivery

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what a Queue does. One Metrics serves the Queues that follow
// each other in a process.
type Metrics struct {
	builds  *prometheus.CounterVec
	retries *prometheus.CounterVec
	latency *prometheus.HistogramVec
	current atomic.Pointer[Queue]
}

// NewMetrics registers the metrics of this package with r. It panics where
// they are registered already, as prometheus.MustRegister does.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "builds_total",
			Help: "Builds by outcome: created, exists (written before), dry-run, refused (never accepted by the API server), dropped (queue full).",
		}, []string{"outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "retries_total",
			Help: "Failed attempts to write a build that are tried again, by reason.",
		}, []string{"reason"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "event_to_build_seconds",
			Help: "Time until the build was created, from the occurrence the Event names (which has a resolution of a second) and from its receipt by the gateway.",
			// From a write that meets an idle API server to a build that waited
			// an hour behind a limit.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{"from"}),
	}
	for _, o := range Outcomes() {
		m.builds.WithLabelValues(string(o))
	}
	for _, reason := range Reasons() {
		m.retries.WithLabelValues(string(reason))
	}
	r.MustRegister(m.builds, m.retries, m.latency,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "queue_depth",
			Help: "Accepted builds that are not written yet.",
		}, func() float64 { depth, _ := m.waiting(); return float64(depth) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "queue_oldest_seconds",
			Help: "How long the oldest build that is not written yet has waited, 0 when none waits.",
		}, func() float64 { _, oldest := m.waiting(); return oldest.Seconds() }),
	)
	return m
}

func (m *Metrics) waiting() (int, time.Duration) {
	if q := m.current.Load(); q != nil {
		return q.Waiting()
	}
	return 0, 0
}
