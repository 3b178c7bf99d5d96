package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// account is the ServiceAccount, and its namespace, of both the gateway and the bare
// client, so that API Priority and Fairness treats them alike.
const account = "bench"

// row is one row of the table of docs/performance.md.
type row struct {
	name string
	// alone is whether the row needs no control plane.
	alone   bool
	measure func(ctx context.Context, b *bench) error
}

// rows returns all rows in the order in which they are measured: first those that
// leave few objects in the API server.
func rows() []row {
	return []row{
		{name: "size", alone: true, measure: measureSize},
		{name: "decision", alone: true, measure: measureDecision},
		{name: "take", alone: true, measure: measureTake},
		{name: "throughput", measure: measureThroughput},
		{name: "destination", measure: measureDestination},
		{name: "latency", measure: measureLatency},
		{name: "failover", measure: measureFailover},
		{name: "handover", measure: measureHandover},
		{name: "restart", measure: measureRestart},
		{name: "backlog", measure: measureBacklog},
		{name: "reading", measure: measureReading},
		{name: "storm", measure: measureStorm},
		{name: "large", measure: measureLarge},
		{name: "page", measure: measurePage},
		{name: "memory", measure: measureMemory},
		{name: "start", measure: measureStart},
		{name: "growth", measure: measureGrowth},
	}
}

func rowNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// bench is one run of some rows on one control plane.
type bench struct {
	scale    scale
	rows     []row
	binary   string
	baseline string
	out      string
	results  results

	cp *controlplane.ControlPlane
	// dir holds the filter files.
	dir string
	// admin creates Events and reads builds. worker is the client of the bare
	// client.
	admin, worker corev1client.CoreV1Interface
	kubeconfig    string
	// retained has the namespaces with Events for several rows, by number of
	// Events.
	retained map[int]string
	// The last numbers that were used.
	namespaces, processes, probes int
}

// newBench returns a run of the named rows, or of all rows if none is named.
func newBench(names []string, size, baseline, out string) (*bench, error) {
	scale, err := scaleOf(size)
	if err != nil {
		return nil, err
	}
	b := &bench{scale: scale, baseline: baseline, out: out, retained: map[int]string{}}
	for _, r := range rows() {
		if len(names) == 0 || slices.Contains(names, r.name) {
			b.rows = append(b.rows, r)
		}
	}
	for _, name := range names {
		if !slices.Contains(rowNames(), name) {
			return nil, fmt.Errorf("unknown row %q: must be one of %s", name, strings.Join(rowNames(), ", "))
		}
	}
	if b.binary, err = controlplane.Binary("k8s-gateway"); err != nil {
		return nil, err
	}
	if b.baseline != "" {
		if b.baseline, err = filepath.Abs(b.baseline); err != nil {
			return nil, err
		}
		if _, err := os.Stat(b.baseline); err != nil {
			return nil, fmt.Errorf("finding the baseline: %w", err)
		}
	}
	b.results = newResults(size, scale)
	return b, nil
}

// run measures the rows one after the other, and writes the results after each. A row
// that fails does not stop the others.
func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.describe(ctx); err != nil {
		return err
	}
	if slices.ContainsFunc(b.rows, func(r row) bool { return !r.alone }) {
		if err := b.startPlane(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.cp.Stop()) }()
	}
	var failed error
	for _, r := range b.rows {
		b.logf("measuring %s", r.name)
		began := time.Now()
		if err := r.measure(ctx, b); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			b.logf("%s: %v", r.name, err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name, err))
		}
		b.logf("%s took %s", r.name, time.Since(began).Round(time.Second))
		if err := b.results.write(b.out); err != nil {
			return err
		}
	}
	fmt.Println()
	b.results.table(os.Stdout)
	fmt.Printf("\n%s has the same and more\n", b.out)
	return failed
}

// startPlane starts etcd and kube-apiserver and creates the account.
func (b *bench) startPlane(ctx context.Context) error {
	var err error
	if b.cp, err = controlplane.Start(ctx, controlplane.Options{Progress: os.Stderr}); err != nil {
		return err
	}
	if err := b.setUp(ctx); err != nil {
		return errors.Join(err, b.cp.Stop())
	}
	return nil
}

func (b *bench) setUp(ctx context.Context) (err error) {
	if b.admin, err = client(b.cp.Config()); err != nil {
		return err
	}
	if err := b.cp.CreateNamespace(ctx, account); err != nil {
		return err
	}
	if b.kubeconfig, err = b.cp.CreateGatewayAccount(ctx, account, account); err != nil {
		return err
	}
	if err := b.grant(ctx); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", b.kubeconfig)
	if err != nil {
		return err
	}
	b.worker, err = client(config)
	return err
}

// grant gives the account, in all namespaces, the other rights that the chart gives:
// those to store a position and for leader election.
func (b *bench) grant(ctx context.Context) error {
	verbs := []string{"get", "create", "update"}
	meta := metav1.ObjectMeta{Name: account + "-further"}
	_, err := b.cp.Client().RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: verbs},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: append(verbs, "watch")},
	}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating the account's ClusterRole: %w", err)
	}
	_, err = b.cp.Client().RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account, Name: account}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("binding the account's ClusterRole: %w", err)
	}
	return nil
}

// client returns a client like the gateway's: protobuf, and no client-side throttle.
func client(config *rest.Config) (corev1client.CoreV1Interface, error) {
	config.QPS = -1
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return core, nil
}

// namespace creates a new namespace.
func (b *bench) namespace(ctx context.Context) (string, error) {
	b.namespaces++
	name := fmt.Sprintf("bench-%d", b.namespaces)
	return name, b.cp.CreateNamespace(ctx, name)
}

// retain returns a namespace with n Events, 1 % of them accepted. They are
// created once; the API server keeps them for an hour.
func (b *bench) retain(ctx context.Context, n int) (string, error) {
	if namespace, ok := b.retained[n]; ok {
		return namespace, nil
	}
	namespace, err := b.namespace(ctx)
	if err != nil {
		return "", err
	}
	b.logf("  creating %d Events", n)
	if err := newLoad(b.admin, namespace, retainedLoad).burst(ctx, n, acceptedShare, nil); err != nil {
		return "", err
	}
	b.retained[n] = namespace
	return namespace, nil
}

const (
	// retainedLoad is the load that retain creates.
	retainedLoad = "retained"
	// acceptedShare is the n of one in n retained Events that is accepted.
	acceptedShare = 100
)

// logf prints progress.
func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
