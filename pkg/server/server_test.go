package server

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAnswers(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "answer", Help: "To everything."}, func() float64 { return 42 }))
	fine := func() error { return nil }
	broken := func() error { return errors.New("the API server is out of reach") }
	ready := func(err error, notes ...string) func() ([]string, error) {
		return func() ([]string, error) { return notes, err }
	}
	tests := map[string]struct {
		options Options
		path    string
		status  int
		body    string
	}{
		"metrics are shown":             {Options{}, "/metrics", http.StatusOK, "answer 42\n"},
		"a healthy process":             {Options{}, "/healthz", http.StatusOK, "ok\n"},
		"a process that is not healthy": {Options{Healthy: broken}, "/healthz", http.StatusServiceUnavailable, "the API server is out of reach\n"},
		"a ready process":               {Options{}, "/readyz", http.StatusOK, "ok\n"},
		"a process that is not ready":   {Options{Ready: ready(broken())}, "/readyz", http.StatusServiceUnavailable, "the API server is out of reach\n"},
		"a ready process with notes":    {Options{Ready: ready(nil, "the position has not been saved for 5s")}, "/readyz", http.StatusOK, "ok\nthe position has not been saved for 5s\n"},
		"profiles are off by default":   {Options{}, "/debug/pprof/cmdline", http.StatusNotFound, "404 page not found\n"},
		"profiles where asked for":      {Options{Profiles: true}, "/debug/pprof/cmdline", http.StatusOK, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := tc.options
			o.Gatherer, o.Log = registry, slog.New(slog.DiscardHandler)
			if o.Ready == nil {
				o.Ready = ready(nil)
			}
			if o.Healthy == nil {
				o.Healthy = fine
			}
			w := httptest.NewRecorder()
			New(o).http.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, nil))
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.body) {
				t.Errorf("%d %q, want %d and %q in it", w.Code, w.Body, tc.status, tc.body)
			}
		})
	}
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	address := taken.Listener.Addr().String()
	s := New(Options{Address: address, Gatherer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)})
	err := s.Run(t.Context())
	if want := "listening for /metrics, /healthz and /readyz: listen tcp " + address; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want one that begins with %q", err, want)
	}
}
