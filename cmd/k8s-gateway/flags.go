package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

type daemonFlags struct {
	config             filterFile
	namespaces         []string
	buildNamespace     string
	kubeconfig         string
	master             string
	workers            int
	clusterName        string
	gatewayName        string
	logFormat          string
	logLevel           string
	logEvents          string
	logRejected        int
	positionConfigMap  string
	replayExisting     bool
	leaderElect        bool
	leaderElectLease   string
	election           gateway.Election
	allowBrigadeEvents bool
	dryRun             bool
	pushDown           bool
	listen             string
	uiListen           string
	pprof              bool
	grace              time.Duration
}

// defaultDaemonFlags returns the defaults, some of which the environment sets:
// GATEWAY_NAMESPACE and GATEWAY_CONFIG as the first gateway had them,
// POD_NAMESPACE as the chart's Deployment sets it.
func defaultDaemonFlags() *daemonFlags {
	return &daemonFlags{
		config:           filterFileFromEnvironment(),
		namespaces:       strings.Split(os.Getenv("GATEWAY_NAMESPACE"), ","),
		workers:          16,
		clusterName:      "kubernetes",
		gatewayName:      "brigade-k8s-gateway",
		logFormat:        logJSON,
		logLevel:         "info",
		logEvents:        string(gateway.LogSummary),
		logRejected:      50,
		leaderElect:      inPod(),
		leaderElectLease: "brigade-k8s-gateway",
		election:         gateway.DefaultElection(),
		listen:           ":8080",
		grace:            20 * time.Second,
	}
}

func (f *daemonFlags) addTo(flags *pflag.FlagSet) {
	flags.Var(&f.config, "config", "the filter `file`, YAML or JSON; without one every Event is logged and none is built ($GATEWAY_CONFIG)")
	flags.StringSliceVar(&f.namespaces, "namespace", f.namespaces, "the `namespace`s to watch, repeated or separated by commas; empty or * for all ($GATEWAY_NAMESPACE)")
	flags.StringVar(&f.buildNamespace, "build-namespace", f.buildNamespace, "the `namespace` in which Brigade looks for builds; default: the pod's, or the kubeconfig's")
	flags.StringVar(&f.kubeconfig, "kubeconfig", f.kubeconfig, "the kubeconfig `file`; default: the pod's ServiceAccount, $KUBECONFIG or ~/.kube/config")
	flags.StringVar(&f.master, "master", f.master, "the `URL` of the API server, instead of the kubeconfig's")
	flags.IntVar(&f.workers, "workers", f.workers, "how many build Secrets are created at the same time, and CloudEvents sent to each destination")
	flags.StringVar(&f.clusterName, "cluster-name", f.clusterName, "the cluster's `name` in the source of CloudEvents")
	flags.StringVar(&f.gatewayName, "gateway-name", f.gatewayName, "this gateway's `name` in the source of CloudEvents")
	flags.StringVar(&f.logFormat, "log-format", f.logFormat, "the `format` of the log: json or text")
	flags.StringVar(&f.logEvents, "log-events", f.logEvents, "which Events are logged: full (with their JSON), summary, accepted, or none")
	flags.StringVar(&f.logLevel, "log-level", f.logLevel, "the lowest `level` that is logged: debug, info, warn or error; the records of Events are info")
	flags.IntVar(&f.logRejected, "log-rejected-per-second", f.logRejected, "how many rejected Events are logged in a second, on average; 0 logs all, accepted ones always are")
	flags.StringVar(&f.positionConfigMap, "position-configmap", f.positionConfigMap, "the ConfigMap, `[namespace/]name`, that stores the position; without one, Events that occur while the gateway is down are not built")
	flags.BoolVar(&f.replayExisting, "replay-existing", f.replayExisting, "with no stored position, build existing Events instead of skipping them")
	flags.BoolVar(&f.leaderElect, "leader-elect", f.leaderElect, "elect one replica as the leader, with the others as standbys; default: true in a pod")
	flags.StringVar(&f.leaderElectLease, "leader-elect-lease", f.leaderElectLease, "the Lease, `[namespace/]name`, for leader election")
	flags.DurationVar(&f.election.LeaseDuration, "leader-elect-lease-duration", f.election.LeaseDuration, "how long a standby waits after the last observed renewal before it leads")
	flags.DurationVar(&f.election.RenewDeadline, "leader-elect-renew-deadline", f.election.RenewDeadline, "how long the leader retries to renew the Lease before it stops leading")
	flags.DurationVar(&f.election.RetryPeriod, "leader-elect-retry-period", f.election.RetryPeriod, "the time between two attempts to acquire or renew the Lease")
	flags.BoolVar(&f.allowBrigadeEvents, "allow-brigade-events", f.allowBrigadeEvents, "turn the loop guard off: Events about Brigade's own pods may be built too, and builds may cause builds")
	flags.BoolVar(&f.dryRun, "dry-run", f.dryRun, "do everything except storing build Secrets and sending CloudEvents: the API server checks each Secret and stores none")
	flags.BoolVar(&f.pushDown, "push-down", f.pushDown, "use server-side field selectors, for large clusters: the API server does not send Events that the filters reject, and they are not logged")
	flags.StringVar(&f.listen, "listen", f.listen, "the `address` of /metrics, /healthz and /readyz; empty for none")
	flags.StringVar(&f.uiListen, "ui-listen", f.uiListen, "the `address` of the page that shows Events, verdicts and builds to everyone who can reach it; empty for none")
	flags.BoolVar(&f.pprof, "pprof", f.pprof, "serve profiles of the process under /debug/pprof/ too")
	flags.DurationVar(&f.grace, "shutdown-grace-period", f.grace, "how long to finish writes in progress after SIGTERM")
}

// validate returns all faults of the flags in one error.
func (f *daemonFlags) validate() error {
	var faults []error
	if f.workers < 1 || f.workers > 1024 {
		faults = append(faults, fmt.Errorf("--workers %d: must be between 1 and 1024", f.workers))
	}
	if f.logFormat != logJSON && f.logFormat != logText {
		faults = append(faults, fmt.Errorf("--log-format %q: must be json or text", f.logFormat))
	}
	if _, err := parseLevel(f.logLevel); err != nil {
		faults = append(faults, err)
	}
	if f.logRejected < 0 {
		faults = append(faults, fmt.Errorf("--log-rejected-per-second %d: must not be negative", f.logRejected))
	}
	if _, err := gateway.ParseLogEvents(f.logEvents); err != nil {
		faults = append(faults, fmt.Errorf("--log-events: %w", err))
	}
	if f.grace < 0 {
		faults = append(faults, fmt.Errorf("--shutdown-grace-period %s: must not be negative", f.grace))
	}
	if f.leaderElect {
		faults = append(faults, f.election.Validate())
	}
	for _, namespace := range f.namespaces {
		faults = append(faults, checkNamespace("--namespace", namespace, "*"))
	}
	faults = append(faults, checkNamespace("--build-namespace", f.buildNamespace), checkName("--cluster-name", f.clusterName), checkName("--gateway-name", f.gatewayName))
	return errors.Join(faults...)
}

func checkNamespace(flag, name string, allowed ...string) error {
	if name == "" || slices.Contains(allowed, name) {
		return nil
	}
	if faults := validation.IsDNS1123Label(name); len(faults) > 0 {
		return fmt.Errorf("%s %q: %s", flag, name, strings.Join(faults, "; "))
	}
	return nil
}

// checkName refuses what cannot be part of the source of CloudEvents.
func checkName(flag, name string) error {
	if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
		return fmt.Errorf("%s %q: %s", flag, name, strings.Join(faults, "; "))
	}
	return nil
}

// scopesOf returns one scope for each namespace, or the one for all namespaces if
// any of them is empty or "*".
func scopesOf(namespaces []string) []position.Scope {
	var scopes []position.Scope
	for _, namespace := range namespaces {
		if namespace == "" || namespace == "*" {
			return []position.Scope{position.AllNamespaces}
		}
		scopes = append(scopes, position.Scope(namespace))
	}
	if len(scopes) == 0 {
		return []position.Scope{position.AllNamespaces}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// object parses "[namespace/]name", with the given namespace as default.
func object(s, namespace string) gateway.Object {
	if ns, name, found := strings.Cut(s, "/"); found {
		return gateway.Object{Namespace: ns, Name: name}
	}
	return gateway.Object{Namespace: namespace, Name: s}
}

// inPod reports whether the process runs in a pod, by the rule of
// k8s.io/client-go/rest.InClusterConfig.
func inPod() bool {
	return os.Getenv("KUBERNETES_SERVICE_HOST") != "" && os.Getenv("KUBERNETES_SERVICE_PORT") != ""
}

// podNamespace returns the namespace of the pod that the process runs in, or
// otherwise outside of a pod.
func podNamespace(otherwise string) string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	if otherwise != "" {
		return otherwise
	}
	return corev1.NamespaceDefault
}
