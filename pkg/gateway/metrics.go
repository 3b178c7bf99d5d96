package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// metrics are the daemon's own; those of delivery are registered beside them.
// The label `by` is bounded by the length of the filter list.
type metrics struct {
	events      *prometheus.CounterVec
	faults      *prometheus.CounterVec
	watchErrors prometheus.Counter
	leader      prometheus.Gauge
	delivery    *delivery.Metrics
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "events_total",
			Help: "Events read, by verdict (accept, reject) and by what decided (filters[N], default, guard).",
		}, []string{"verdict", "by"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "expression_faults_total",
			Help: "Events on which a filter's expression failed and was taken as not matching, by filter.",
		}, []string{"by"}),
		watchErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "watch_errors_total",
			Help: "Lists and watches of Events that failed.",
		}),
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "leader",
			Help: "1 while this process does the work, 0 while it stands by.",
		}),
		delivery: delivery.NewMetrics(r),
	}
	r.MustRegister(m.events, m.faults, m.watchErrors, m.leader)
	return m
}
