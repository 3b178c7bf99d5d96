// Package controlplane starts a Kubernetes control plane of real components: always
// etcd and kube-apiserver (with RBAC), and optionally the controller manager, the
// scheduler, nodes simulated by kwok, and Brigade's own controller. Only the nodes
// are fakes, so a Deployment gets pods with Events, and a build Secret a worker pod.
//
// The integration tests, the fault tests, the bench and the demo use it. make builds
// the programs (see Binary). Tests start a control plane with StartForTest.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startTimeout limits Start and StartAPIServer if the caller's context has no
// earlier deadline. On two idle cores all components start in ten seconds; the rest
// is for busy machines.
const startTimeout = 3 * time.Minute

// Options select the components. The zero value is only etcd and the API server.
type Options struct {
	// ControllerManager creates the pods of Deployments and the default
	// ServiceAccount of namespaces, which each pod then gets.
	ControllerManager bool
	// Scheduler binds pods to nodes.
	Scheduler bool
	// Nodes is the number of nodes that kwok simulates, with their pods as the
	// stages folder describes.
	Nodes int
	// BrigadeNamespace is where Brigade's controller looks for build Secrets.
	// It is created, with the ServiceAccount of workers. Empty: no Brigade.
	BrigadeNamespace string
	// Progress gets a line for each process that is started; nil for none.
	Progress io.Writer
}

// Everything returns all components, with two nodes, and Brigade in namespace brigade.
func Everything() Options {
	return Options{ControllerManager: true, Scheduler: true, Nodes: 2, BrigadeNamespace: "brigade"}
}

// ControlPlane is a running control plane. Its methods are not safe for concurrent
// use, except Config, Client, Kubeconfig and EtcdURL.
type ControlPlane struct {
	options  Options
	dir      string
	logs     string
	guardian *guardian
	plane    envtest.ControlPlane
	// children are the processes that envtest does not start, in order of start.
	children []*Process

	config     *rest.Config
	client     kubernetes.Interface
	kubeconfig string

	mu sync.Mutex
	// names counts how often UniqueName was called with a name.
	names map[string]int
}

// UniqueName returns name, and at later calls name with a number, so that a test
// that runs several times (go test -count) has its own namespaces each time.
func (cp *ControlPlane) UniqueName(name string) string {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	if cp.names == nil {
		cp.names = map[string]int{}
	}
	cp.names[name]++
	if n := cp.names[name]; n > 1 {
		return fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// Start starts the selected components and returns when all of them work. If one
// fails, all are stopped, the logs stay, and the error names their folder. Canceling
// ctx after Start has returned has no effect: call Stop.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	dir, err := os.MkdirTemp("", "brigade-k8s-gateway-")
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{options: options, dir: dir, logs: filepath.Join(dir, "logs")}
	if options.Progress == nil {
		cp.options.Progress = io.Discard
	}
	if err := os.Mkdir(cp.logs, 0o700); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if cp.guardian, err = newGuardian(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := cp.startAll(ctx); err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // else the logs have nothing of interest
			if logs, keepErr := cp.KeepLogs(); keepErr == nil {
				err = fmt.Errorf("%w\n  all logs: %s", err, logs)
			}
		}
		return nil, errors.Join(err, cp.Stop())
	}
	return cp, nil
}

// startAll starts etcd and the API server, and then the others at the same time.
func (cp *ControlPlane) startAll(ctx context.Context) error {
	if err := cp.startPlane(ctx); err != nil {
		return err
	}
	// Children are started one by one, and awaited concurrently.
	var ready errgroup.Group
	for _, part := range []struct {
		wanted bool
		name   string
		start  func(context.Context) (func() error, error)
	}{
		{cp.options.ControllerManager, "kube-controller-manager", cp.startControllerManager},
		{cp.options.Scheduler, "kube-scheduler", cp.startScheduler},
		{cp.options.Nodes > 0, fmt.Sprintf("kwok with %d nodes", cp.options.Nodes), cp.startNodes},
		{cp.options.BrigadeNamespace != "", "brigade-controller", cp.startBrigade},
	} {
		if !part.wanted {
			continue
		}
		cp.progress("starting %s", part.name)
		await, err := part.start(ctx)
		if err != nil {
			return err
		}
		ready.Go(await)
	}
	return ready.Wait()
}

// Stop stops all components, waits for them, and removes all files except those that
// KeepLogs has saved. It may be called again.
func (cp *ControlPlane) Stop() error {
	if cp.guardian == nil {
		return nil
	}
	var stopping errgroup.Group
	for _, child := range cp.children {
		stopping.Go(child.Stop)
	}
	err := stopping.Wait()
	if cp.plane.APIServer != nil {
		cp.KillAPIServer() // no client is left
	}
	err = errors.Join(err, cp.plane.Stop(), cp.guardian.release())
	cp.guardian, cp.children = nil, nil
	return err
}

// Config returns the administrator's configuration, without a client-side throttle.
// The caller may change it.
func (cp *ControlPlane) Config() *rest.Config { return rest.CopyConfig(cp.config) }

// Client returns a client of the administrator.
func (cp *ControlPlane) Client() kubernetes.Interface { return cp.client }

// Kubeconfig returns the path of the administrator's kubeconfig.
func (cp *ControlPlane) Kubeconfig() string { return cp.kubeconfig }

// EtcdURL returns the URL of etcd, which needs no authentication.
func (cp *ControlPlane) EtcdURL() string { return cp.plane.Etcd.URL.String() }

// Logs returns the folder with one log file for each component.
func (cp *ControlPlane) Logs() string { return cp.logs }

// KeepLogs copies the logs so far to another folder, which Stop does not remove, and
// returns its path.
func (cp *ControlPlane) KeepLogs() (string, error) {
	kept, err := os.MkdirTemp("", "brigade-k8s-gateway-logs-")
	if err != nil {
		return "", err
	}
	return kept, os.CopyFS(kept, os.DirFS(cp.logs))
}

func (cp *ControlPlane) progress(format string, args ...any) {
	fmt.Fprintf(cp.options.Progress, format+"\n", args...)
}
