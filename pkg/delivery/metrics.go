package delivery

import (
	"cmp"
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// FlowLength is the number of waiting builds of a flow.
type FlowLength struct {
	Flow   limit.Flow
	Length int
}

// compare orders the longest first, then by name.
func (f FlowLength) compare(other FlowLength) int {
	return cmp.Or(cmp.Compare(other.Length, f.Length), cmp.Compare(f.Flow.String(), other.Flow.String()))
}

// Metrics has the metrics of all Queues, by destination. The Queues of a process share
// it, one after the other.
type Metrics struct {
	builds  *prometheus.CounterVec
	retries *prometheus.CounterVec
	latency *prometheus.HistogramVec
	// heldBack and heldBackSeconds have a series for each limit.
	heldBack        *prometheus.GaugeVec
	heldBackSeconds *prometheus.CounterVec

	mu sync.Mutex
	// queues has the current Queue of each destination, or nil.
	queues map[string]*Queue
}

// byDestination is the label that every metric of this package has. Its values
// are those of the filter file.
const byDestination = "destination"

// NewMetrics registers the metrics of this package with r, as prometheus.MustRegister
// does.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "builds_total",
			Help: "Builds and messages by destination and outcome: created, exists (written before), sent (a receiver took the message), dry-run, refused (never accepted by the destination), dropped (too many waited).",
		}, []string{byDestination, "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "retries_total",
			Help: "Failed attempts to create a build or send a message that are retried, by destination and reason.",
		}, []string{byDestination, "reason"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "event_to_build_seconds",
			Help: "Time until the build was created or the message sent, from the occurrence the Event names (which has a resolution of a second) and from its receipt by the gateway, by destination.",
			// From a write to an idle API server to a build that waited an hour
			// for a limit.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{byDestination, "from"}),
		heldBack: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "held_back",
			Help: "1 while a limit of the filter file, or its `paused`, holds builds back, by destination and limit.",
		}, []string{byDestination, "limit"}),
		heldBackSeconds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "held_back_seconds_total",
			Help: "For how long a limit of the filter file held builds back, by destination and limit; counted when it lets them pass again.",
		}, []string{byDestination, "limit"}),
		queues: map[string]*Queue{},
	}
	r.MustRegister(m.builds, m.retries, m.latency, m.heldBack, m.heldBackSeconds, waiting{m})
	return m
}

// series are the metrics of one destination.
type series struct {
	builds, retries *prometheus.CounterVec
	latency         prometheus.ObserverVec
	heldBack        *prometheus.GaugeVec
	heldBackSeconds *prometheus.CounterVec
}

// of returns the metrics of a destination, and shows all of them from now on.
func (m *Metrics) of(destination string) *series {
	own := prometheus.Labels{byDestination: destination}
	s := &series{
		builds: m.builds.MustCurryWith(own), retries: m.retries.MustCurryWith(own), latency: m.latency.MustCurryWith(own),
		heldBack: m.heldBack.MustCurryWith(own), heldBackSeconds: m.heldBackSeconds.MustCurryWith(own),
	}
	for _, o := range Outcomes() {
		s.builds.WithLabelValues(string(o))
	}
	for _, reason := range Reasons() {
		s.retries.WithLabelValues(string(reason))
	}
	for _, name := range []string{limitPace, limitActive, limitPaused} {
		s.heldBack.WithLabelValues(name)
		s.heldBackSeconds.WithLabelValues(name)
	}
	return s
}

// show makes q the Queue of the metrics.
func (m *Metrics) show(destination string, q *Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queues[destination] = q
}

// hide removes q from the metrics, unless another Queue has replaced it.
func (m *Metrics) hide(destination string, q *Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queues[destination] == q {
		m.queues[destination] = nil
	}
}

// forget removes the series of a removed destination.
func (m *Metrics) forget(destination string) {
	m.mu.Lock()
	delete(m.queues, destination)
	m.mu.Unlock()
	own := prometheus.Labels{byDestination: destination}
	m.builds.DeletePartialMatch(own)
	m.retries.DeletePartialMatch(own)
	m.latency.DeletePartialMatch(own)
	m.heldBack.DeletePartialMatch(own)
	m.heldBackSeconds.DeletePartialMatch(own)
}

func (s *series) count(o Outcome, n int) {
	s.builds.WithLabelValues(string(o)).Add(float64(n))
}

// waiting is a collector of the gauges of waiting builds.
type waiting struct{ metrics *Metrics }

// gauge is one of the metrics of waiting.
type gauge struct {
	name, help string
	of         func(*Queue) float64
}

// gauges returns the metrics of waiting builds. The flow is not a label, because there
// is one for each namespace.
func gauges() []gauge {
	return []gauge{
		{
			"queue_depth", "Accepted builds and messages that wait, by destination.",
			func(q *Queue) float64 { depth, _ := q.Waiting(); return float64(depth) },
		},
		{
			"queue_oldest_seconds", "How long the oldest build or message has waited, 0 if none waits, by destination.",
			func(q *Queue) float64 { _, oldest := q.Waiting(); return oldest.Seconds() },
		},
		{
			"queue_flows", "Flows, which are namespaces within a project or destination, of which builds or messages wait, by destination.",
			func(q *Queue) float64 { flows, _ := q.countFlows(); return float64(flows) },
		},
		{
			"queue_longest_flow", "Builds or messages that wait in the longest flow, by destination. The log names it while builds are held back.",
			func(q *Queue) float64 { _, longest := q.countFlows(); return float64(longest) },
		},
	}
}

func (g gauge) desc() *prometheus.Desc {
	return prometheus.NewDesc(g.name, g.help, []string{byDestination}, nil)
}

// Describe sends the gauges.
func (waiting) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range gauges() {
		ch <- g.desc()
	}
}

// Collect sends their values.
func (w waiting) Collect(ch chan<- prometheus.Metric) {
	w.metrics.mu.Lock()
	queues := maps.Clone(w.metrics.queues)
	w.metrics.mu.Unlock()
	for destination, q := range queues {
		for _, g := range gauges() {
			value := 0.0
			if q != nil {
				value = g.of(q)
			}
			ch <- prometheus.MustNewConstMetric(g.desc(), prometheus.GaugeValue, value, destination)
		}
	}
}
