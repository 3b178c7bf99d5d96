package delivery

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// FlowLength is how many builds of a flow wait.
type FlowLength struct {
	Flow   limit.Flow
	Length int
}

// compare orders the longest first, then by name.
func (f FlowLength) compare(other FlowLength) int {
	return cmp.Or(cmp.Compare(other.Length, f.Length), cmp.Compare(f.Flow.String(), other.Flow.String()))
}

// Metrics counts what a Queue does. One Metrics serves the Queues that follow
// each other in a process.
type Metrics struct {
	builds  *prometheus.CounterVec
	retries *prometheus.CounterVec
	latency *prometheus.HistogramVec
	// heldBack and heldBackSeconds have a series for each limit.
	heldBack        *prometheus.GaugeVec
	heldBackSeconds *prometheus.CounterVec
	current         atomic.Pointer[Queue]
}

// NewMetrics registers the metrics of this package with r. It panics where
// they are registered already, as prometheus.MustRegister does.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "builds_total",
			Help: "Builds by outcome: created, exists (written before), dry-run, refused (never accepted by the API server), dropped (too many waited).",
		}, []string{"outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "retries_total",
			Help: "Failed attempts to create a build that are retried, by reason.",
		}, []string{"reason"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "event_to_build_seconds",
			Help: "Time until the build was created, from the occurrence the Event names (which has a resolution of a second) and from its receipt by the gateway.",
			// From a write that meets an idle API server to a build that waited
			// an hour behind a limit.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{"from"}),
		heldBack: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "held_back",
			Help: "1 while a limit of the filter file, or its `paused`, holds builds back, by limit.",
		}, []string{"limit"}),
		heldBackSeconds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "held_back_seconds_total",
			Help: "For how long a limit of the filter file held builds back, by limit; counted when it lets them pass again.",
		}, []string{"limit"}),
	}
	for _, o := range Outcomes() {
		m.builds.WithLabelValues(string(o))
	}
	for _, reason := range Reasons() {
		m.retries.WithLabelValues(string(reason))
	}
	for _, name := range []string{limitPace, limitActive, limitPaused} {
		m.heldBack.WithLabelValues(name)
		m.heldBackSeconds.WithLabelValues(name)
	}
	r.MustRegister(m.builds, m.retries, m.latency, m.heldBack, m.heldBackSeconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "queue_depth",
			Help: "Accepted builds that are not written yet.",
		}, func() float64 { depth, _ := m.waiting(); return float64(depth) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "queue_oldest_seconds",
			Help: "How long the oldest build that is not written yet has waited, 0 when none waits.",
		}, func() float64 { _, oldest := m.waiting(); return oldest.Seconds() }),
		// The flows themselves are no label: there is one for each namespace.
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "queue_flows",
			Help: "Flows, which are namespaces within a project, of which builds wait.",
		}, func() float64 { flows, _ := m.flows(); return float64(flows) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "queue_longest_flow",
			Help: "Builds that wait in the longest flow. The log names it while builds are held back.",
		}, func() float64 { _, longest := m.flows(); return float64(longest) }),
	)
	return m
}

// count counts builds by outcome.
func (m *Metrics) count(o Outcome, n int) {
	m.builds.WithLabelValues(string(o)).Add(float64(n))
}

// flows returns how many flows have waiting builds, and how many the longest has.
func (m *Metrics) flows() (flows, longest int) {
	if q := m.current.Load(); q != nil {
		return q.countFlows()
	}
	return 0, 0
}

func (m *Metrics) waiting() (int, time.Duration) {
	if q := m.current.Load(); q != nil {
		return q.Waiting()
	}
	return 0, 0
}
