package controlplane

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CrashLoopLabel marks pods (with the value "true") whose containers start and fail
// in a crash loop forever, with the Events that a kubelet reports.
const CrashLoopLabel = "test.brigade.sh/crash-loop"

// stages are kwok's rules of what happens to nodes and pods, and of their Events.
//
//go:embed stages/*.yaml
var stages embed.FS

// startNodes registers the nodes and starts kwok, which simulates their kubelets. It
// keeps other nodes, whose names do not begin with "node-", ready too, and runs no
// pods on them.
func (cp *ControlPlane) startNodes(ctx context.Context) (func() error, error) {
	files, err := fs.Glob(stages, "stages/*.yaml")
	if err != nil {
		return nil, err
	}
	args := []string{
		"--kubeconfig=" + cp.kubeconfig,
		"--manage-all-nodes=true",
		// Without the Leases the controller manager would mark the nodes as not ready.
		"--node-lease-duration-seconds=40",
	}
	if err := os.CopyFS(cp.dir, stages); err != nil {
		return nil, fmt.Errorf("writing kwok's stages: %w", err)
	}
	for _, file := range files {
		args = append(args, "--config="+filepath.Join(cp.dir, file))
	}
	for i := range cp.options.Nodes {
		if _, err := cp.client.CoreV1().Nodes().Create(ctx, newNode(i), metav1.CreateOptions{}); err != nil {
			return nil, fmt.Errorf("creating node %d: %w", i, err)
		}
	}
	p, err := cp.start("kwok", args...)
	if err != nil {
		return nil, err
	}
	return func() error { return p.await(ctx, cp.nodesReady) }, nil
}

func newNode(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i)
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name,
		Labels: map[string]string{
			corev1.LabelHostname:    name,
			corev1.LabelOSStable:    "linux",
			"beta.kubernetes.io/os": "linux", // Brigade's workers select by it
		},
	}}
}

func (cp *ControlPlane) nodesReady(ctx context.Context) error {
	nodes, err := cp.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range nodes.Items {
		if !ready(&nodes.Items[i]) {
			return fmt.Errorf("%s is not ready", nodes.Items[i].Name)
		}
	}
	return nil
}

// ready reports whether a node can run pods: it is Ready, and the controller manager
// has removed the taint of new nodes.
func ready(node *corev1.Node) bool {
	if len(node.Spec.Taints) > 0 {
		return false
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
