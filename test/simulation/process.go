package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
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

	gateway *gateway.Gateway
	cancel  context.CancelFunc
	// ended is closed when Run has returned err.
	ended chan struct{}
	err   error
	// dry is whether it runs with --dry-run.
	dry bool
	// applying is full while the process applies a filter file.
	applying chan struct{}
	// stopping is whether it got SIGTERM.
	stopping bool
	// killed is when the process was killed, or zero. Its requests are then lost.
	killed time.Time
	// dropped is how many builds and messages it dropped while it lived, by
	// destination.
	dropped map[string]int
}

// gone reports whether the process was killed.
func (p *process) gone(now time.Time) bool {
	p.server.processes.Lock()
	defer p.server.processes.Unlock()
	return !p.killed.IsZero() && !now.Before(p.killed)
}

// kill ends the process as kill -9 does: its requests do not arrive.
func (p *process) kill() {
	p.server.processes.Lock()
	p.killed = time.Now()
	p.server.processes.Unlock()
	p.cancel()
}

// Seen does nothing: what the process read is in the model's record.
func (p *process) Seen(*corev1.Event, filter.Verdict) {}

// Settled counts what the process drops.
func (p *process) Settled(b delivery.Build, o delivery.Outcome, _ string) {
	if o != delivery.Dropped || p.gone(time.Now()) {
		return
	}
	p.server.processes.Lock()
	defer p.server.processes.Unlock()
	p.dropped[cmp.Or(b.Destination, brigadeName)]++
}

// lost returns how many builds or messages the process has dropped.
func (p *process) lost(destination string) int {
	p.server.processes.Lock()
	defer p.server.processes.Unlock()
	return p.dropped[destination]
}

// options returns the options of the gateway of the process, without those that the
// plan sets.
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
	return gateway.Options{
		Core: core, Coordination: coordination, Authorization: authorization, Metadata: workers,
		Cluster: "model", Name: gateway.Object{Namespace: gatewayNamespace, Name: "gateway"}, Receivers: post{p}, Observer: p,
		Identity: p.identity, Connectivity: connectivity, Registerer: prometheus.NewRegistry(),
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
