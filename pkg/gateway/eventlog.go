package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// LogEvents is the value of --log-events: which Events are logged, and how much of
// each.
type LogEvents string

// The values of --log-events.
const (
	// LogFull logs every Event as JSON.
	LogFull LogEvents = "full"
	// LogSummary logs of every Event the fields that filters can match.
	LogSummary LogEvents = "summary"
	// LogAccepted logs accepted Events only, as LogSummary does.
	LogAccepted LogEvents = "accepted"
	// LogNone logs no Events.
	LogNone LogEvents = "none"
)

// ParseLogEvents parses a value of --log-events. The error lists all values.
func ParseLogEvents(s string) (LogEvents, error) {
	all := []string{string(LogFull), string(LogSummary), string(LogAccepted), string(LogNone)}
	if slices.Contains(all, s) {
		return LogEvents(s), nil
	}
	return "", fmt.Errorf("unknown choice of events to log %q: must be one of %s", s, strings.Join(all, ", "))
}

// loggedMessage is how many bytes of an Event's message are logged. It is the
// longest message that events.k8s.io/v1 allows.
const loggedMessage = 1 << 10

// eventLog logs and counts each Event that the gateway reads, once.
type eventLog struct {
	choice   LogEvents
	log      *slog.Logger
	metrics  *metrics
	observer Observer

	// rejected limits how many rejected Events are logged.
	rejected *rate.Limiter

	mu sync.Mutex
	// minutely limits the messages of each kind to one a minute.
	minutely map[string]*rate.Sometimes
}

// newEventLog returns a log of Events. It logs at most perSecond rejected Events a
// second on average, and ten times as many at once, or all if perSecond is 0.
func newEventLog(choice LogEvents, perSecond int, log *slog.Logger, m *metrics, observer Observer) *eventLog {
	l := &eventLog{
		choice: choice, log: log, metrics: m, observer: observer,
		rejected: rate.NewLimiter(rate.Inf, 0), minutely: map[string]*rate.Sometimes{},
	}
	if perSecond > 0 {
		l.rejected = rate.NewLimiter(rate.Limit(perSecond), 10*perSecond)
	}
	return l
}

// Seen logs and counts e with its verdict, and passes both to the observer.
func (l *eventLog) Seen(ctx context.Context, e *corev1.Event, v filter.Verdict) {
	l.observer.Seen(e, v)
	l.metrics.seen(v.Action, v.By).Inc()
	for _, fault := range v.Faults {
		l.metrics.faults.WithLabelValues(fault.By).Inc()
		l.onceAMinute(fault.By, func() {
			l.log.Warn("expression failed", "by", fault.By, "outcome", fault.Outcome(), "event", event.Key(e), "err", fault.Err)
		})
	}
	if l.choice == LogNone || l.choice == LogAccepted && v.Action != filter.Accept {
		return
	}
	if v.Action != filter.Accept && !l.rejected.Allow() {
		l.metrics.unlogged.Inc()
		l.onceAMinute("unlogged", func() {
			l.log.Info("sampling rejected Events in the log", "perSecond", int(l.rejected.Limit()))
		})
		return
	}
	attrs := []slog.Attr{
		slog.String("verdict", v.Action.String()),
		slog.String("by", v.By),
		slog.String("kind", e.InvolvedObject.Kind),
		slog.String("namespace", e.InvolvedObject.Namespace),
		slog.String("name", e.InvolvedObject.Name),
		slog.String("reason", e.Reason),
		slog.String("type", e.Type),
		slog.String("component", event.Component(e)),
		slog.Int("count", int(event.Count(e))),
		slog.String("message", event.Shorten(e.Message, loggedMessage)),
	}
	if l.choice == LogFull {
		attrs = append(attrs, slog.Any("event", document{e}))
	}
	l.log.LogAttrs(ctx, slog.LevelInfo, "Processing "+event.Key(e), attrs...)
}

// onceAMinute calls f unless it was called for the same kind within the last
// minute.
func (l *eventLog) onceAMinute(kind string, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.minutely[kind]
	if s == nil {
		s = &rate.Sometimes{Interval: time.Minute}
		l.minutely[kind] = s
	}
	s.Do(f)
}

// document is an Event that both log formats write as JSON.
type document struct{ e *corev1.Event }

// MarshalJSON is called by slog's JSON handler, which nests the Event.
func (d document) MarshalJSON() ([]byte, error) { return json.Marshal(d.e) }

// MarshalText is called by slog's text handler, which quotes the JSON.
func (d document) MarshalText() ([]byte, error) { return json.Marshal(d.e) }
