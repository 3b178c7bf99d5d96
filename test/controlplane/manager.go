package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startControllerManager starts the controller manager with the key that signs
// ServiceAccount tokens and the API server's CA certificate for pods.
func (cp *ControlPlane) startControllerManager(ctx context.Context) (func() error, error) {
	ca := filepath.Join(cp.dir, "ca.crt")
	if err := os.WriteFile(ca, cp.config.CAData, 0o600); err != nil {
		return nil, err
	}
	p, err := cp.start("kube-controller-manager",
		"--kubeconfig="+cp.kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file="+filepath.Join(cp.plane.APIServer.CertDir, "sa-signer.key"),
		"--root-ca-file="+ca,
		// The default of 20 requests a second would limit a burst of pods or
		// Events.
		"--kube-api-qps=500", "--kube-api-burst=1000",
	)
	if err != nil {
		return nil, err
	}
	return func() error {
		return p.await(ctx, func(ctx context.Context) error {
			return cp.hasDefaultServiceAccount(ctx, metav1.NamespaceDefault)
		})
	}, nil
}

// startScheduler starts the scheduler and waits until it is ready.
func (cp *ControlPlane) startScheduler(ctx context.Context) (func() error, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := cp.start("kube-scheduler",
		"--kubeconfig="+cp.kubeconfig,
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir="+filepath.Join(cp.dir, "kube-scheduler"),
		"--kube-api-qps=500", "--kube-api-burst=1000",
	)
	if err != nil {
		return nil, err
	}
	// It has a self-signed certificate.
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}}
	url := fmt.Sprintf("https://127.0.0.1:%d/readyz", port)
	return func() error {
		return p.await(ctx, func(ctx context.Context) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
			if err != nil {
				return err
			}
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer func() { _ = response.Body.Close() }()
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answers %s", url, response.Status)
			}
			return nil
		})
	}, nil
}

// hasDefaultServiceAccount is the controller manager's first visible effect on
// a namespace; without it the API server refuses pods there.
func (cp *ControlPlane) hasDefaultServiceAccount(ctx context.Context, namespace string) error {
	_, err := cp.client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a TCP listener has no other
}
