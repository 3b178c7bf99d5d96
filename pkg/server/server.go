// Package server serves the gateway's HTTP port: /metrics for Prometheus, /healthz
// and /readyz for the kubelet, and /debug/pprof if it is turned on. It is not part
// of the flow of Events.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// readTimeout is the time in which a client must send the request header.
	readTimeout = 5 * time.Second
	// stopTimeout is the time in which requests in progress must end.
	stopTimeout = 2 * time.Second
)

// Options are the options of a Server.
type Options struct {
	// Address is the address to listen on, for example ":8080".
	Address string
	// Gatherer gathers the metrics.
	Gatherer prometheus.Gatherer
	// Ready returns an error if the gateway is not ready. The notes are faults that
	// do not affect readiness.
	Ready func() (notes []string, err error)
	// Healthy returns an error if the gateway is not healthy.
	Healthy func() error
	// Profiles is whether /debug/pprof/ is served. Profiles show details of the
	// process to all clients that reach the port.
	Profiles bool
	Log      *slog.Logger
}

// Server serves the port.
type Server struct {
	http *http.Server
	log  *slog.Logger
}

// New returns a Server. Run starts it.
func New(o Options) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", answer(func() ([]string, error) { return nil, o.Healthy() }))
	mux.HandleFunc("GET /readyz", answer(o.Ready))
	if o.Profiles {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	}
	return &Server{http: &http.Server{Addr: o.Address, Handler: mux, ReadHeaderTimeout: readTimeout}, log: o.Log}
}

// answer responds with "ok" and the notes, or with status 503 and the error.
func answer(check func() ([]string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		notes, err := check()
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintln(w, err)
			return
		}
		_, _ = fmt.Fprintln(w, strings.Join(append([]string{"ok"}, notes...), "\n"))
	}
}

// Run listens and serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.http.Addr)
	if err != nil {
		return fmt.Errorf("listening for /metrics, /healthz and /readyz: %w", err)
	}
	s.log.Info("serving metrics and health", "address", listener.Addr().String())
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := s.http.Shutdown(closing); err != nil {
			s.log.Warn("closing connections at shutdown failed", "err", err)
		}
	})
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serving /metrics, /healthz and /readyz: %w", err)
	}
	<-stopped
	return nil
}
