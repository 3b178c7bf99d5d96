package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

func TestEventsAreLoggedAsChosen(t *testing.T) {
	t.Parallel()
	const summary = `level=INFO msg="Processing pequod/web-0.17a" verdict=%s by=filters[0] kind=Pod namespace=pequod name=web-0 reason=BackOff type=Warning component=kubelet count=5 message="Back-off restarting"`
	tests := map[string]struct {
		choice LogEvents
		action filter.Action
		want   string
		full   bool
	}{
		"none logs nothing":                 {LogNone, filter.Accept, "", false},
		"accepted logs what is accepted":    {LogAccepted, filter.Accept, summary, false},
		"accepted logs nothing else":        {LogAccepted, filter.Reject, "", false},
		"summary logs what is rejected too": {LogSummary, filter.Reject, summary, false},
		"full logs the Event as well":       {LogFull, filter.Reject, summary, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var output bytes.Buffer
			m := newMetrics(prometheus.NewRegistry(), "v0", "")
			l := newEventLog(tc.choice, 0, slog.New(slog.NewTextHandler(&output, nil)), m, noObserver{})
			e := &corev1.Event{
				ObjectMeta:     metav1.ObjectMeta{Namespace: "pequod", Name: "web-0.17a"},
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
				Reason:         "BackOff", Type: corev1.EventTypeWarning, Count: 5, Message: "Back-off restarting", Source: corev1.EventSource{Component: "kubelet"},
			}
			l.Seen(t.Context(), e, filter.Verdict{Action: tc.action, By: "filters[0]"})
			want := strings.ReplaceAll(tc.want, "%s", tc.action.String())
			if got := output.String(); want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("logged %q, want %q", got, want)
			}
			if has := strings.Contains(output.String(), `event="{\"metadata\":{\"name\":\"web-0.17a\"`); has != tc.full {
				t.Errorf("logged with its JSON: %t, want %t: %s", has, tc.full, output.String())
			}
			if got := testutil.ToFloat64(m.events.WithLabelValues(tc.action.String(), "filters[0]")); got != 1 {
				t.Errorf("%v events counted, want 1 whatever is logged", got)
			}
		})
	}
}

func TestRejectedEventsAreLoggedWithinARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var output bytes.Buffer
		m := newMetrics(prometheus.NewRegistry(), "v0", "")
		l := newEventLog(LogSummary, 5, slog.New(slog.NewTextHandler(&output, nil)), m, noObserver{})
		for range 200 {
			l.Seen(t.Context(), &corev1.Event{}, filter.Verdict{Action: filter.Reject})
			l.Seen(t.Context(), &corev1.Event{}, filter.Verdict{Action: filter.Accept})
		}
		if n := strings.Count(output.String(), "verdict=reject"); n != 50 {
			t.Errorf("%d rejected Events logged at once, want those of ten seconds", n)
		}
		if n := strings.Count(output.String(), "verdict=accept"); n != 200 {
			t.Errorf("%d accepted Events logged, want all", n)
		}
		if got := testutil.ToFloat64(m.unlogged); got != 150 || strings.Count(output.String(), "sampling rejected Events in the log") != 1 {
			t.Errorf("%v Events counted as not logged, want 150, and one line that says so", got)
		}
	})
}

func TestALongMessageIsLoggedShortened(t *testing.T) {
	t.Parallel()
	var output bytes.Buffer
	l := newEventLog(LogSummary, 0, slog.New(slog.NewTextHandler(&output, nil)), newMetrics(prometheus.NewRegistry(), "v0", ""), noObserver{})
	l.Seen(t.Context(), &corev1.Event{Message: strings.Repeat("x", 1100)}, filter.Verdict{})
	if want := strings.Repeat("x", 1024) + "… [76 bytes cut]"; !strings.Contains(output.String(), want) || len(output.String()) > 1500 {
		t.Errorf("logged %q, want the message cut at 1 KiB", output.String())
	}
}

func TestFaultsOfExpressionsAreLoggedNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var output bytes.Buffer
		m := newMetrics(prometheus.NewRegistry(), "v0", "")
		l := newEventLog(LogNone, 0, slog.New(slog.NewTextHandler(&output, nil)), m, noObserver{})
		v := filter.Verdict{Faults: []filter.Fault{{By: "filters[1]", Err: errors.New("no such key: team")}}}
		for range 180 {
			l.Seen(t.Context(), &corev1.Event{}, v)
			time.Sleep(time.Second) // fake clock
		}
		if n := strings.Count(output.String(), `level=WARN msg="expression failed" by=filters[1]`); n != 3 {
			t.Errorf("%d lines in three minutes, want one a minute:\n%s", n, output.String())
		}
		if got := testutil.ToFloat64(m.faults.WithLabelValues("filters[1]")); got != 180 {
			t.Errorf("%v faults counted, want all 180", got)
		}
	})
}

func TestChoicesOfEventsToLog(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"full", "summary", "accepted", "none"} {
		if got, err := ParseLogEvents(s); err != nil || string(got) != s {
			t.Errorf("ParseLogEvents(%q) = %q, %v", s, got, err)
		}
	}
	const want = `unknown choice of events to log "all": must be one of full, summary, accepted, none`
	if _, err := ParseLogEvents("all"); err == nil || err.Error() != want {
		t.Errorf("ParseLogEvents(all) = %v, want %s", err, want)
	}
}
