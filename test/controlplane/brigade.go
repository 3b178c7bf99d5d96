package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/brigadecore/brigade/pkg/brigade"
	"github.com/brigadecore/brigade/pkg/storage/kube"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// workerServiceAccount is the ServiceAccount that Brigade's controller gives to
// workers.
const workerServiceAccount = "brigade-worker"

// startBrigade starts Brigade's controller in its namespace. Only its log shows that
// it has started: it has no health endpoint, and no effect before the first build.
func (cp *ControlPlane) startBrigade(ctx context.Context) (func() error, error) {
	namespace := cp.options.BrigadeNamespace
	if err := cp.CreateNamespace(ctx, namespace); err != nil {
		return nil, err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: workerServiceAccount}}
	if _, err := cp.client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("creating ServiceAccount %s/%s: %w", namespace, workerServiceAccount, err)
	}
	p, err := cp.start("brigade-controller", "--kubeconfig="+cp.kubeconfig, "--namespace="+namespace)
	if err != nil {
		return nil, err
	}
	return func() error {
		return p.await(ctx, func(context.Context) error {
			log, err := os.ReadFile(p.log)
			if err != nil {
				return err
			}
			if !bytes.Contains(log, []byte("Starting Secret controller")) {
				return fmt.Errorf("its log does not say yet that it has started")
			}
			return nil
		})
	}, nil
}

// CreateProject creates a Brigade project as brig does, and returns its ID. For a
// build it only has to exist.
func (cp *ControlPlane) CreateProject(ctx context.Context, namespace, name string) (id string, err error) {
	project := &brigade.Project{Name: name}
	secret, err := kube.SecretFromProject(project)
	if err != nil {
		return "", fmt.Errorf("creating project %s: %w", name, err)
	}
	if _, err := cp.client.CoreV1().Secrets(namespace).Create(ctx, &secret, metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("creating project %s: %w", name, err)
	}
	return project.ID, nil
}
