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

// LogEvents says which Events are logged, and how much of each.
type LogEvents string

// The choices of --log-events.
const (
	// LogFull logs every Event with its JSON.
	LogFull LogEvents = "full"
	// LogSummary logs every Event with what filters can be written against.
	LogSummary LogEvents = "summary"
	// LogAccepted logs accepted Events only, as LogSummary does.
	LogAccepted LogEvents = "accepted"
	// LogNone logs no Events.
	LogNone LogEvents = "none"
)

// ParseLogEvents returns the choice with the given name. The error names all.
func ParseLogEvents(s string) (LogEvents, error) {
	all := []string{string(LogFull), string(LogSummary), string(LogAccepted), string(LogNone)}
	if slices.Contains(all, s) {
		return LogEvents(s), nil
	}
	return "", fmt.Errorf("unknown choice of events to log %q: must be one of %s", s, strings.Join(all, ", "))
}

// loggedMessage is how many bytes of a message a record of an Event shows: what
// events.k8s.io/v1 allows a message to have.
const loggedMessage = 1 << 10

// eventLog logs and counts each Event the gateway reads, once.
type eventLog struct {
	choice  LogEvents
	log     *slog.Logger
	metrics *metrics
	watcher Observer

	// rejected limits how many rejected Events are logged.
	rejected *rate.Limiter

	mu   sync.Mutex
	said map[string]*rate.Sometimes
}

// newEventLog returns a log of Events. Of those that are rejected it logs
// perSecond at most, and as many as come in ten seconds at once; all where
// perSecond is 0.
func newEventLog(choice LogEvents, perSecond int, log *slog.Logger, m *metrics, watcher Observer) *eventLog {
	l := &eventLog{choice: choice, log: log, metrics: m, watcher: watcher, rejected: rate.NewLimiter(rate.Inf, 0), said: map[string]*rate.Sometimes{}}
	if perSecond > 0 {
		l.rejected = rate.NewLimiter(rate.Limit(perSecond), 10*perSecond)
	}
	return l
}

// Seen logs and counts e with the verdict on it, and shows it to the watcher.
func (l *eventLog) Seen(ctx context.Context, e *corev1.Event, v filter.Verdict) {
	l.watcher.Seen(e, v)
	l.metrics.seen(v.Action, v.By).Inc()
	for _, fault := range v.Faults {
		l.metrics.faults.WithLabelValues(fault.By).Inc()
		l.sometimes(fault.By, func() {
			l.log.Warn("expression failed", "by", fault.By, "outcome", fault.Outcome(), "event", event.Key(e), "err", fault.Err)
		})
	}
	if l.choice == LogNone || l.choice == LogAccepted && v.Action != filter.Accept {
		return
	}
	if v.Action != filter.Accept && !l.rejected.Allow() {
		l.metrics.unlogged.Inc()
		l.sometimes("unlogged", func() {
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

// sometimes calls f for the first of a kind, and then once a minute.
func (l *eventLog) sometimes(kind string, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.said[kind]
	if s == nil {
		s = &rate.Sometimes{Interval: time.Minute}
		l.said[kind] = s
	}
	s.Do(f)
}

// document shows an Event as JSON in either log format.
type document struct{ e *corev1.Event }

// MarshalJSON makes slog's JSON handler nest the Event.
func (d document) MarshalJSON() ([]byte, error) { return json.Marshal(d.e) }

// MarshalText makes slog's text handler show the same JSON, quoted.
func (d document) MarshalText() ([]byte, error) { return json.Marshal(d.e) }
