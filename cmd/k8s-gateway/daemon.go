package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/server"
)

// runDaemon runs the gateway until ctx ends.
func runDaemon(ctx context.Context, f *daemonFlags, stderr io.Writer) error {
	if err := f.validate(); err != nil {
		return err
	}
	level, err := parseLevel(f.logLevel)
	if err != nil {
		return err
	}
	log, flush := newBatchLogger(f.logFormat, level, stderr)
	defer flush()
	clientConfig, namespace, err := connect(f.kubeconfig, f.master)
	if err != nil {
		return err
	}
	// Gateway and API server are in the same network, and compression costs both
	// more CPU time than anything else about an Event.
	clientConfig.DisableCompression = true
	connectivity := &gateway.Connectivity{}
	clientConfig.Wrap(connectivity.Wrap)
	http, err := rest.HTTPClientFor(clientConfig)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	core, coreErr := corev1client.NewForConfigAndClient(clientConfig, http)
	coordination, coordinationErr := coordinationv1client.NewForConfigAndClient(clientConfig, http)
	authorization, authorizationErr := authorizationv1client.NewForConfigAndClient(clientConfig, http)
	pods, podsErr := metadata.NewForConfigAndClient(metadata.ConfigFor(clientConfig), http)
	if err := errors.Join(coreErr, coordinationErr, authorizationErr, podsErr); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	own := podNamespace(namespace)
	filters, follower, err := loadConfig(f.config.path, log)
	if faults, ok := errors.AsType[*config.Error](err); ok {
		flush()
		fmt.Fprintln(stderr, faults) // a report of several lines
		return errReported
	}
	if err != nil {
		return err
	}
	options := gateway.Options{
		Config:               filters,
		Core:                 core,
		Coordination:         coordination,
		Authorization:        authorization,
		Metadata:             pods,
		Scopes:               scopesOf(f.namespaces),
		BuildNamespace:       own,
		Workers:              f.workers,
		Cluster:              f.clusterName,
		Name:                 gateway.Object{Namespace: own, Name: f.gatewayName},
		LogEvents:            gateway.LogEvents(f.logEvents),
		LogRejectedPerSecond: f.logRejected,
		Version:              version,
		Commit:               commit,
		Position:             object(f.positionConfigMap, own),
		ReplayExisting:       f.replayExisting,
		Pod:                  gateway.Object{Namespace: os.Getenv("POD_NAMESPACE"), Name: os.Getenv("POD_NAME")},
		Identity:             replicaIdentity(),
		AllowBrigadeEvents:   f.allowBrigadeEvents,
		DryRun:               f.dryRun,
		PushDown:             f.pushDown,
		Grace:                f.grace,
		Log:                  log,
		Connectivity:         connectivity,
		Registerer:           prometheus.WrapRegistererWithPrefix(metricsPrefix, registry),
	}
	if f.buildNamespace != "" {
		options.BuildNamespace = f.buildNamespace
	}
	if f.leaderElect {
		options.Lease = object(f.leaderElectLease, own)
		options.Election = f.election
	}
	var shown *page
	if f.uiListen != "" {
		shown = newPage(f, options, clientConfig.Host)
		options.Observer = shown
	}
	log.Info("starting", "version", version, "commit", commit, "server", clientConfig.Host, "scopes", fmt.Sprint(options.Scopes), "buildNamespace", options.BuildNamespace)
	return serve(ctx, f, gateway.New(options), shown, follower, registry, log)
}

// loadConfig returns the filter file at path and its follower, which is nil if
// there is no file and every Event is only logged.
func loadConfig(path string, log *slog.Logger) (*config.Config, *config.Follower, error) {
	if path == "" {
		return config.Observe(), nil, nil
	}
	follower, c, err := config.NewFollower(path, log, gateway.IsFinal)
	return c, follower, err
}

// serve runs the gateway, its metrics port and its page until ctx ends or one of
// them fails.
func serve(ctx context.Context, f *daemonFlags, g *gateway.Gateway, shown *page, follower *config.Follower, registry *prometheus.Registry, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	if f.listen != "" {
		s := server.New(server.Options{
			Address: f.listen, Gatherer: registry, Ready: g.Ready, Healthy: g.Healthy, Profiles: f.pprof, Log: log,
		})
		group.Go(func() error { return s.Run(ctx) })
	}
	var user config.User = g
	if shown != nil {
		shown.show(g)
		user = shown
		group.Go(func() error { return shown.run(ctx) })
	}
	if follower != nil {
		group.Go(func() error {
			follower.Run(ctx, user)
			return nil
		})
	}
	group.Go(func() error { return g.Run(ctx) })
	return group.Wait()
}

// metricsPrefix begins the names of the gateway's own metrics.
const metricsPrefix = "brigade_k8s_gateway_"

// connect returns the client configuration and the namespace of the caller, by
// the rules of kubectl.
func connect(kubeconfig, master string) (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	overrides := &clientcmd.ConfigOverrides{}
	overrides.ClusterInfo.Server = master
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	client, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("finding the API server: %w; name a kubeconfig with --kubeconfig or $KUBECONFIG", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("finding the namespace of the kubeconfig: %w", err)
	}
	// A negative rate turns the client-side throttle off.
	client.QPS = -1
	client.UserAgent = "brigade-k8s-gateway/" + version
	client.ContentType = runtime.ContentTypeProtobuf
	client.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return client, namespace, nil
}

// replicaIdentity returns a name that no other replica has, and no earlier process
// in the same pod.
func replicaIdentity() string {
	name, err := os.Hostname()
	if pod := os.Getenv("POD_NAME"); pod != "" {
		name = pod
	} else if err != nil {
		name = "k8s-gateway"
	}
	return name + "_" + uuid.NewString()
}
