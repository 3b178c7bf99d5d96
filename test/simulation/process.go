package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
)

// process is one gateway process, and the RoundTripper through which it
// reaches the model API server.
type process struct {
	server *Server
	// name is the name of the replica, and number counts its processes.
	name     string
	number   int
	identity string
	// term is the current or last term of the process.
	term *term

	gateway  *gateway.Gateway
	registry *prometheus.Registry
	cancel   context.CancelFunc
	// ended is closed when Run has returned err.
	ended chan struct{}
	err   error
	// dry is whether it runs with --dry-run.
	dry bool
	// stopping is whether it got SIGTERM.
	stopping bool
	// killed is when the process was killed, or zero. Its requests are then lost.
	killed time.Time
	// dropped is the number of builds it had dropped when it was killed.
	dropped int
}

// gone reports whether the process was killed.
func (p *process) gone(now time.Time) bool {
	p.server.processes.Lock()
	defer p.server.processes.Unlock()
	return !p.killed.IsZero() && !now.Before(p.killed)
}

// kill ends the process as kill -9 does: its requests do not arrive.
func (p *process) kill() {
	dropped := p.outcomes("dropped")
	p.server.processes.Lock()
	p.dropped, p.killed = dropped, time.Now()
	p.server.processes.Unlock()
	p.cancel()
}

// lost returns how many builds the process has dropped while it lived.
func (p *process) lost() int {
	if p.gone(time.Now()) {
		return p.dropped
	}
	return p.outcomes("dropped")
}

// outcomes returns how many builds had the given outcome, by the gateway's own
// metric.
func (p *process) outcomes(outcome string) int {
	families, err := p.registry.Gather()
	if err != nil {
		return 0
	}
	for _, family := range families {
		if family.GetName() != "builds_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" && label.GetValue() == outcome {
					return int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return 0
}

// options returns what the gateway of the process works with, but for what the
// plan says.
func (p *process) options(json bool) (gateway.Options, error) {
	connectivity := &gateway.Connectivity{}
	clientConfig := &rest.Config{Host: "http://model", Transport: p, QPS: -1}
	clientConfig.ContentType = runtime.ContentTypeProtobuf
	clientConfig.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	if json {
		clientConfig.ContentType, clientConfig.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	}
	clientConfig.Wrap(connectivity.Wrap)
	http, err := rest.HTTPClientFor(clientConfig)
	if err != nil {
		return gateway.Options{}, fmt.Errorf("making a client: %w", err)
	}
	core, coreErr := corev1client.NewForConfigAndClient(clientConfig, http)
	coordination, coordinationErr := coordinationv1client.NewForConfigAndClient(clientConfig, http)
	authorization, authorizationErr := authorizationv1client.NewForConfigAndClient(clientConfig, http)
	workers, workersErr := metadata.NewForConfigAndClient(metadata.ConfigFor(clientConfig), http)
	p.registry = prometheus.NewRegistry()
	return gateway.Options{
		Core: core, Coordination: coordination, Authorization: authorization, Metadata: workers,
		Identity: p.identity, Connectivity: connectivity, Registerer: p.registry,
		Log: p.server.trace.logger(p.name),
	}, errors.Join(coreErr, coordinationErr, authorizationErr, workersErr)
}

// start runs the gateway until it is stopped or killed.
func (p *process) start(ctx context.Context, o gateway.Options) {
	p.gateway = gateway.New(o)
	p.ended = make(chan struct{})
	ctx, p.cancel = context.WithCancel(ctx)
	go func() {
		defer close(p.ended)
		p.err = p.gateway.Run(ctx)
	}()
}
