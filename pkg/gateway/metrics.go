package gateway

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/source"
)

// metrics are the metrics of the daemon, those of delivery and source included. The
// label `by` has at most one value for each filter, and a few more.
type metrics struct {
	events     *prometheus.CounterVec
	faults     *prometheus.CounterVec
	leader     prometheus.Gauge
	generation prometheus.Gauge
	reloadGood prometheus.Gauge
	reloadTime prometheus.Gauge
	paused     prometheus.Gauge
	unlogged   prometheus.Counter
	delivery   *delivery.Metrics
	source     *source.Metrics
	// reading is which scopes the leader does not watch.
	reading reading
	// unsaved is the time since which saving the position has failed, in Unix
	// nanoseconds, or 0.
	unsaved atomic.Int64
	// held is the time since which the position has not moved although a build
	// waits, in Unix nanoseconds, or 0.
	held atomic.Int64

	mu       sync.RWMutex
	counters map[verdict]prometheus.Counter
}

func newMetrics(r prometheus.Registerer, version, commit string) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "events_total",
			Help: "Events read, by verdict (accept, reject) and by what decided (the filter's id or filters[N], default, namespace, guard).",
		}, []string{"verdict", "by"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "expression_faults_total",
			Help: "Events on which a filter's expression failed, by filter. A rejecting filter rejects the Event, an accepting one does not match.",
		}, []string{"by"}),
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "leader",
			Help: "1 while this process reads Events and creates builds, 0 while it is a standby.",
		}),
		generation: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "config_generation",
			Help: "Filter files loaded since the start.",
		}),
		reloadGood: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "config_last_reload_successful",
			Help: "1 if the last load of the filter file succeeded, 0 if it was refused and the previous one is in use.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "config_last_reload_success_timestamp_seconds",
			Help: "Unix time of the last successful load of the filter file.",
		}),
		paused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paused",
			Help: "1 while the filter file sets `paused`: no builds are created, and accepted ones wait.",
		}),
		unlogged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "events_unlogged_total",
			Help: "Rejected Events that were not logged because there were more than --log-rejected-per-second allows.",
		}),
		counters: map[verdict]prometheus.Counter{},
		delivery: delivery.NewMetrics(r),
		source:   source.NewMetrics(r),
	}
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "position_age_seconds",
		Help: "Seconds since the position last moved, while an accepted Event has no outcome; 0 when there is none.",
	}, m.positionAge))
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "position_unsaved_seconds",
		Help: "Seconds since saving the position began to fail; 0 while it is saved. Events accepted meanwhile are lost if the gateway stops.",
	}, func() float64 { return m.unsavedFor(time.Now()).Seconds() }))
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "events_unwatched_seconds",
		Help: "Seconds for which the leader has not watched the Events, because it cannot start, list or watch; 0 while it does, and in a standby.",
	}, func() float64 { return m.reading.longest().lasted(time.Now()).Seconds() }))
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "build_info",
		Help:        "Always 1, with the version, the commit and the Go version as labels.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit, "goversion": runtime.Version()},
	})
	info.Set(1)
	r.MustRegister(info, m.paused, m.unlogged, m.events, m.faults, m.leader, m.generation, m.reloadGood, m.reloadTime)
	return m
}

// verdict is the key of the counters of Events.
type verdict struct {
	action filter.Action
	by     string
}

// seen returns the counter of Events with the given verdict. It caches the
// counters, at most two for each filter, because finding one by its labels takes
// longer than deciding.
func (m *metrics) seen(action filter.Action, by string) prometheus.Counter {
	key := verdict{action, by}
	m.mu.RLock()
	counter, known := m.counters[key]
	m.mu.RUnlock()
	if known {
		return counter
	}
	counter = m.events.WithLabelValues(action.String(), by)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counters[key] = counter
	return counter
}

// positionAge returns how many seconds the position has not moved although a build
// waits.
func (m *metrics) positionAge() float64 {
	if held := m.held.Load(); held != 0 {
		return time.Since(time.Unix(0, held)).Seconds()
	}
	return 0
}

// unsavedFor returns how long saving the position has failed.
func (m *metrics) unsavedFor(now time.Time) time.Duration {
	if unsaved := m.unsaved.Load(); unsaved != 0 {
		return now.Sub(time.Unix(0, unsaved))
	}
	return 0
}

func (m *metrics) loaded() {
	m.generation.Inc()
	m.reloadGood.Set(1)
	m.reloadTime.SetToCurrentTime()
}

func (m *metrics) refused() {
	m.reloadGood.Set(0)
}
