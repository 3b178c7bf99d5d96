package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// createWorkload has Events created for every filter of examples/filters.yaml: running and
// failing pods in pequod, pods in kube-system, and a deleted pod.
func (d *demo) createWorkload(ctx context.Context) error {
	if err := d.cp.CreateNamespace(ctx, "pequod"); err != nil {
		return err
	}
	d.screen.printf("creating Deployments pequod/queequeg, kube-system/logger and pequod/ahab, which fails")
	for _, deployment := range []*appsv1.Deployment{
		controlplane.NewDeployment("pequod", "queequeg", 2, nil),
		controlplane.NewDeployment(metav1.NamespaceSystem, "logger", 1, nil),
		controlplane.NewDeployment("pequod", "ahab", 1, map[string]string{controlplane.CrashLoopLabel: "true"}),
	} {
		_, err := d.client.AppsV1().Deployments(deployment.Namespace).Create(ctx, deployment, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("creating Deployment %s/%s: %w", deployment.Namespace, deployment.Name, err)
		}
	}
	var victim string
	err := controlplane.Until(ctx, func(ctx context.Context) error {
		var err error
		victim, err = d.allRunning(ctx, "pequod", "queequeg", 2)
		return err
	})
	if err != nil {
		return fmt.Errorf("waiting for Deployment pequod/queequeg: %w", err)
	}
	d.screen.printf("deleting pod pequod/%s: it is killed and replaced", victim)
	if err := d.client.CoreV1().Pods("pequod").Delete(ctx, victim, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("deleting pod pequod/%s: %w", victim, err)
	}
	return nil
}

// allRunning returns the name of one of the Deployment's pods once all run.
func (d *demo) allRunning(ctx context.Context, namespace, name string, replicas int) (string, error) {
	pods, err := d.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil {
		return "", err
	}
	for i := range pods.Items {
		if pods.Items[i].Status.Phase != corev1.PodRunning {
			return "", fmt.Errorf("pod %s is %s", pods.Items[i].Name, pods.Items[i].Status.Phase)
		}
	}
	if len(pods.Items) != replicas {
		return "", fmt.Errorf("%d pods of %d", len(pods.Items), replicas)
	}
	return pods.Items[0].Name, nil
}
