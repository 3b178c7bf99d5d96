// Package server answers on the gateway's one port: /metrics for Prometheus,
// /healthz and /readyz for the kubelet, and profiles where they are asked for.
// It stands beside the flow of Events and changes nothing in it.
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
	// readTimeout bounds how long a client may take to say what it wants.
	readTimeout = 5 * time.Second
	// stopTimeout bounds how long answers in progress may take at the end.
	stopTimeout = 2 * time.Second
)

// Options are what a Server answers with.
type Options struct {
	// Address is where it listens, for example ":8080".
	Address string
	// Gatherer collects what /metrics shows.
	Gatherer prometheus.Gatherer
	// Ready returns nil, or why not. The notes say what is wrong all the same.
	Ready func() (notes []string, err error)
	// Healthy returns nil, or why not.
	Healthy func() error
	// Profiles serves /debug/pprof/ too. Profiles tell about the process to
	// whoever reaches the port.
	Profiles bool
	Log      *slog.Logger
}

// Server serves the gateway's port.
type Server struct {
	http *http.Server
	log  *slog.Logger
}

// New returns a Server that listens once it is run.
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

// answer says "ok" and the notes, or with status 503 what is wrong.
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

// Run listens and serves until ctx ends. The error says that it could not
// listen, or stopped serving by itself.
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
			s.log.Warn("answers cut off at the end", "err", err)
		}
	})
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serving /metrics, /healthz and /readyz: %w", err)
	}
	<-stopped
	return nil
}
