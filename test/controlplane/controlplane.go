// Package controlplane starts a Kubernetes control plane out of real parts on
// this machine: etcd and kube-apiserver (RBAC on) always; the controller
// manager, the scheduler, nodes played by kwok and Brigade's own controller as
// asked for. Nothing in it is a fake but the nodes, so a Deployment becomes
// pods with Events of their own, and a build Secret becomes a worker pod.
//
// It is for whatever has to be seen working on a real API server: the
// integration tests, the demo, faults and measurements. The programs are built
// by make (see Binary); tests start a plane with StartForTest.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startTimeout bounds Start and StartAPIServer where the caller's context has
// no deadline that comes earlier. On two idle cores all parts are up in ten
// seconds; the rest is for machines that do other things.
const startTimeout = 3 * time.Minute

// Options choose the parts. The zero value is etcd and the API server alone.
type Options struct {
	// ControllerManager makes Deployments pods, gives namespaces their default
	// ServiceAccount, and lets the API server ask for one in each pod.
	ControllerManager bool
	// Scheduler binds pods to nodes.
	Scheduler bool
	// Nodes is the number of nodes that kwok plays. Pods on them run without
	// running; see the stages folder for what happens to them.
	Nodes int
	// BrigadeNamespace is where Brigade's controller looks for build Secrets.
	// The namespace is created, with the ServiceAccount that workers run as.
	// Empty: no Brigade.
	BrigadeNamespace string
	// Progress gets a line for each process that is started; nil for none.
	Progress io.Writer
}

// Everything is all parts, with two nodes, and Brigade in namespace brigade.
func Everything() Options {
	return Options{ControllerManager: true, Scheduler: true, Nodes: 2, BrigadeNamespace: "brigade"}
}

// ControlPlane is a running control plane. Its methods are not for concurrent
// use, but for Config, Client, Kubeconfig and EtcdURL, whose results never change.
type ControlPlane struct {
	options  Options
	dir      string
	logs     string
	guardian *guardian
	plane    envtest.ControlPlane
	// children are what envtest does not start, in order of start.
	children []*Process

	config     *rest.Config
	client     kubernetes.Interface
	kubeconfig string
}

// Start starts the chosen parts and returns when each of them does its work.
// When one does not, all are stopped, the logs stay, and the error names their
// folder. Cancelling ctx after Start has returned changes nothing: call Stop.
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
		if !errors.Is(ctx.Err(), context.Canceled) { // or there is nothing to learn from them
			if logs, keepErr := cp.KeepLogs(); keepErr == nil {
				err = fmt.Errorf("%w\n  all logs: %s", err, logs)
			}
		}
		return nil, errors.Join(err, cp.Stop())
	}
	return cp, nil
}

// startAll brings up etcd and the API server, and then the rest at once.
func (cp *ControlPlane) startAll(ctx context.Context) error {
	if err := cp.startPlane(ctx); err != nil {
		return err
	}
	// Children are started here, one by one, and awaited side by side.
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

// Stop ends all parts, waits for them, and removes all files but those that
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
		cp.KillAPIServer() // there is nobody left to say goodbye to
	}
	err = errors.Join(err, cp.plane.Stop(), cp.guardian.release())
	cp.guardian, cp.children = nil, nil
	return err
}

// Config returns the administrator's access, without a throttle on our side.
// The caller owns it.
func (cp *ControlPlane) Config() *rest.Config { return rest.CopyConfig(cp.config) }

// Client returns a client with the administrator's rights.
func (cp *ControlPlane) Client() kubernetes.Interface { return cp.client }

// Kubeconfig returns the path of the administrator's kubeconfig.
func (cp *ControlPlane) Kubeconfig() string { return cp.kubeconfig }

// EtcdURL returns where etcd serves its clients, without authentication.
func (cp *ControlPlane) EtcdURL() string { return cp.plane.Etcd.URL.String() }

// Logs returns the folder with one log file for each part.
func (cp *ControlPlane) Logs() string { return cp.logs }

// KeepLogs copies the logs so far to a folder of their own, which Stop leaves,
// and returns its path.
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
