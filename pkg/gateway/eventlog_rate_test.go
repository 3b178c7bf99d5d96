package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// What --log-rejected-per-second lets through over five minutes of a constant load.
func TestRejectedEventsOverTime(t *testing.T) {
	t.Parallel()
	const minutes = 5
	tests := map[string]struct {
		choice    LogEvents
		perSecond int
		come      int // in a second
		logged    int
		notices   int
	}{
		"fewer come than the rate":          {LogSummary, 5, 4, 4 * 60 * minutes, 0},
		"as many come":                      {LogSummary, 5, 5, 5 * 60 * minutes, 0},
		"more come: ten seconds, then rate": {LogSummary, 5, 20, 50 + 5*(60*minutes-1), minutes},
		"full is limited as well":           {LogFull, 5, 20, 50 + 5*(60*minutes-1), minutes},
		"no rate logs all":                  {LogSummary, 0, 20, 20 * 60 * minutes, 0},
		"accepted logs and counts none":     {LogAccepted, 5, 20, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var output bytes.Buffer
				m := newMetrics(prometheus.NewRegistry(), "v0", "")
				l := newEventLog(tc.choice, tc.perSecond, slog.New(slog.NewTextHandler(&output, nil)), m, noObserver{})
				for range 60 * minutes {
					for range tc.come {
						l.Seen(t.Context(), &corev1.Event{}, filter.Verdict{Action: filter.Reject})
					}
					time.Sleep(time.Second) // fake clock
				}
				logged := strings.Count(output.String(), "verdict=reject")
				if logged != tc.logged {
					t.Errorf("%d are logged, want %d", logged, tc.logged)
				}
				// Events that --log-events excludes do not count as not logged.
				unlogged := 60*minutes*tc.come - logged
				if tc.choice == LogAccepted {
					unlogged = 0
				}
				if got := testutil.ToFloat64(m.unlogged); got != float64(unlogged) {
					t.Errorf("%v are counted as not logged, want %d", got, unlogged)
				}
				notice := fmt.Sprintf(`msg="sampling rejected Events in the log" perSecond=%d`, tc.perSecond)
				if got := strings.Count(output.String(), notice); got != tc.notices {
					t.Errorf("the log says so %d times, want %d", got, tc.notices)
				}
			})
		})
	}
}
