package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	etcd      = "etcd"
	apiServer = "kube-apiserver"
)

// startPlane starts etcd and the API server with envtest, and gives the
// administrator access to it. envtest takes no context, so the processes are killed
// when ctx ends.
func (cp *ControlPlane) startPlane(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { cp.guardian.kill(etcd, apiServer) })()

	timeout := startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	etcdPath, etcdLog, err := cp.program(etcd)
	if err != nil {
		return err
	}
	defer func() { _ = etcdLog.Close() }()
	serverPath, serverLog, err := cp.program(apiServer)
	if err != nil {
		return err
	}
	defer func() { _ = serverLog.Close() }()

	cp.plane = envtest.ControlPlane{
		Etcd: &envtest.Etcd{
			Path: etcdPath, DataDir: filepath.Join(cp.dir, etcd), Out: etcdLog, Err: etcdLog,
			StartTimeout: timeout, StopTimeout: grace,
		},
		APIServer: &envtest.APIServer{
			Path: serverPath, CertDir: filepath.Join(cp.dir, apiServer), Out: serverLog, Err: serverLog,
			StartTimeout: timeout, StopTimeout: grace,
		},
	}
	for _, dir := range []string{cp.plane.Etcd.DataDir, cp.plane.APIServer.CertDir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	args := cp.plane.APIServer.Configure()
	args.Set("authorization-mode", "RBAC")
	// Without it, a server that gets SIGTERM waits a minute for its watches to
	// end.
	args.Set("shutdown-send-retry-after", "true")
	if cp.options.ControllerManager {
		// envtest turns the ServiceAccount plugin off because without a
		// controller manager no namespace has a ServiceAccount. Here it has.
		args.Disable("disable-admission-plugins")
	}

	cp.progress("starting etcd and kube-apiserver")
	if err := cp.plane.Start(); err != nil {
		return fmt.Errorf("starting etcd and kube-apiserver: %w%s%s", err, tail(etcdLog.Name()), tail(serverLog.Name()))
	}
	if err := cp.addAdministrator(); err != nil {
		return err
	}
	// The server is healthy a moment before it has created its own namespaces.
	return Until(ctx, func(ctx context.Context) error {
		_, err := cp.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return err
	})
}

// program returns the path that envtest executes for the named binary, and the open
// log for its output.
func (cp *ControlPlane) program(name string) (string, *os.File, error) {
	binary, err := Binary(name)
	if err != nil {
		return "", nil, err
	}
	program, err := cp.guardian.guarded(name, binary)
	if err != nil {
		return "", nil, fmt.Errorf("starting %s: %w", name, err)
	}
	log, err := cp.openLog(name)
	return program, log, err
}

func (cp *ControlPlane) addAdministrator() error {
	user, err := cp.plane.AddUser(envtest.User{Name: "administrator", Groups: []string{"system:masters"}},
		&rest.Config{QPS: -1})
	if err != nil {
		return fmt.Errorf("adding the administrator: %w", err)
	}
	cp.config = user.Config()
	if cp.client, err = kubernetes.NewForConfig(cp.config); err != nil {
		return fmt.Errorf("adding the administrator: %w", err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return fmt.Errorf("adding the administrator: %w", err)
	}
	cp.kubeconfig = filepath.Join(cp.dir, "admin.kubeconfig")
	return os.WriteFile(cp.kubeconfig, kubeconfig, 0o600)
}

// StopAPIServer stops only the API server and waits for it. etcd keeps its data, and
// the other parts keep running and get connection errors.
func (cp *ControlPlane) StopAPIServer() error {
	if err := cp.plane.APIServer.Stop(); err != nil {
		return fmt.Errorf("stopping kube-apiserver: %w", err)
	}
	cp.guardian.forget(apiServer)
	return nil
}

// KillAPIServer kills the API server: requests in flight get no answer.
func (cp *ControlPlane) KillAPIServer() {
	cp.guardian.kill(apiServer)
	// This only waits for the killed process, and may return an error because it
	// could not stop it.
	_ = cp.plane.APIServer.Stop()
	cp.guardian.forget(apiServer)
}

// StartAPIServer starts an API server that StopAPIServer stopped, on the same
// port, with the same certificates, keys and data, and waits until it is healthy.
func (cp *ControlPlane) StartAPIServer(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { cp.guardian.kill(apiServer) })()

	log, err := cp.openLog(apiServer)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cp.plane.APIServer.Out, cp.plane.APIServer.Err = log, log
	cp.plane.APIServer.StartTimeout = startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		cp.plane.APIServer.StartTimeout = time.Until(deadline)
	}
	if err := cp.plane.APIServer.Start(); err != nil {
		return fmt.Errorf("starting kube-apiserver again: %w%s", err, tail(log.Name()))
	}
	return nil
}

// CompactEtcd removes all history except the latest change. A watch of Events from
// before it gets 410 Gone, and so does a continue token, because the API server does
// not cache Events. It caches other objects and serves watches of them from before
// the compaction until it restarts.
func (cp *ControlPlane) CompactEtcd(ctx context.Context) error {
	// etcd serves its gRPC API as JSON too, which needs no large client library.
	var now struct {
		Header struct {
			Revision int64 `json:"revision,string"`
		} `json:"header"`
	}
	if err := cp.callEtcd(ctx, "/v3/kv/range", map[string]any{"key": []byte{0}, "limit": 1}, &now); err != nil {
		return fmt.Errorf("compacting etcd: %w", err)
	}
	compaction := map[string]any{"revision": now.Header.Revision, "physical": true}
	if err := cp.callEtcd(ctx, "/v3/kv/compaction", compaction, nil); err != nil {
		return fmt.Errorf("compacting etcd at revision %d: %w", now.Header.Revision, err)
	}
	return nil
}

func (cp *ControlPlane) callEtcd(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cp.EtcdURL()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd answers %s to %s", response.Status, path)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}
