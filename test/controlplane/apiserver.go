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

// startPlane starts etcd and the API server through envtest, and gives the
// administrator access to it. envtest knows no context, so what it waits for is
// killed when ours ends.
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
	// Without it, a server that is asked to end waits a minute for the watches
	// on it, which nobody ends.
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
	// The server is healthy a moment before it has made its own namespaces.
	return Until(ctx, func(ctx context.Context) error {
		_, err := cp.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return err
	})
}

// program returns what envtest is to execute for the named binary, and the
// open log for its output.
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

// StopAPIServer ends the API server alone and waits for its end. etcd keeps
// what there is; every other part goes on and meets closed connections.
func (cp *ControlPlane) StopAPIServer() error {
	if err := cp.plane.APIServer.Stop(); err != nil {
		return fmt.Errorf("stopping kube-apiserver: %w", err)
	}
	cp.guardian.forget(apiServer)
	return nil
}

// KillAPIServer ends the API server without giving it time to say goodbye:
// requests in flight get no answer.
func (cp *ControlPlane) KillAPIServer() {
	cp.guardian.kill(apiServer)
	// There is nothing left to end: this waits for what has been killed, and
	// may complain that it could not end it.
	_ = cp.plane.APIServer.Stop()
	cp.guardian.forget(apiServer)
}

// StartAPIServer starts an API server that StopAPIServer has ended, on the same
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

// CompactEtcd drops all history but the latest change. A watch of Events that
// is to begin before it gets 410 Gone, and so does a list's continue token: the
// API server has no cache of Events. Of other objects it has one, which goes on
// serving watches from before the compaction until a restart empties it.
func (cp *ControlPlane) CompactEtcd(ctx context.Context) error {
	// etcd serves its gRPC API as JSON too; its client is a large library.
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
