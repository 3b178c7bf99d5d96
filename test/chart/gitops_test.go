package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// TestGitOps applies the rendered chart as Argo CD, Flux and kubectl do, to a
// namespace in which a gateway has led and stored its position. No tool applies a
// Lease: the gateway creates it with the rights that were applied.
func TestGitOps(t *testing.T) {
	cp := controlplane.StartForTest(t, controlplane.Options{})
	createNamespaces(t, cp)
	const name = release + "-brigade-k8s-gateway"
	manifest := filepath.Join(t.TempDir(), "rendered.yaml")
	// Argo CD and Flux run the hook on their own.
	rendered := render(t, "--no-hooks", "--set", "project=deis/empty-testbed")
	if strings.Contains(rendered, "kind: Lease") {
		t.Fatal("the chart has a Lease, which Argo CD never applies")
	}
	if err := os.WriteFile(manifest, []byte(rendered), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) {
		t.Helper()
		binary, err := controlplane.Binary("kubectl")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), binary, append(args, "--namespace", namespace)...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + cp.Kubeconfig()}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	serverSide := []string{"apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", manifest}
	prune := []string{"apply", "-f", manifest, "--prune", "-l", "app.kubernetes.io/instance=" + release}

	// The first apply; then the account leads and stores a position.
	kubectl(serverSide...)
	leads(t, cp, name, name)
	stored := func() string {
		t.Helper()
		positions, err := position.NewStore(cp.Client().CoreV1(), namespace, name+"-position").Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return positions[position.AllNamespaces]
	}
	lease := func() {
		t.Helper()
		if _, err := cp.Client().CoordinationV1().Leases(namespace).Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Errorf("the gateway's Lease: %v", err)
		}
	}
	for _, way := range []struct {
		name string
		args []string
	}{
		{"server-side apply with force", serverSide},
		{"client-side apply, a three-way merge", []string{"apply", "-f", manifest}},
		{"the same again, where it has applied before", []string{"apply", "-f", manifest}},
		{"prune of what is not rendered", prune},
	} {
		kubectl(way.args...)
		if at := stored(); at != "4711" {
			t.Errorf("after %s the position is %q, want that of the gateway, 4711", way.name, at)
		}
		lease()
	}

	// Replace empties the position, as docs/operations.md says. A running gateway
	// has it in memory and has the right to write it again.
	own := position.NewStore(impersonate(t, cp, name).CoreV1(), namespace, name+"-position")
	if _, err := own.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	position4712 := position.Positions{position.AllNamespaces: "4712"}
	kubectl("replace", "-f", manifest)
	if at := stored(); at != "" {
		t.Errorf("after replace the position is %q, and docs/operations.md says that it is emptied", at)
	}
	if err := own.Save(t.Context(), position4712); err != nil {
		t.Errorf("a gateway whose position was emptied cannot write it again: %v", err)
	}
	lease()

	// A chart without the ConfigMap survives replace as well: the running gateway
	// creates it again when it is pruned, and no tool knows it from then on.
	without := filepath.Join(t.TempDir(), "without.yaml")
	if err := os.WriteFile(without, []byte(render(t, "--no-hooks", "--set", "project=deis/empty-testbed,positionConfigMap.create=false")), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl("delete", "configmap", name+"-position")
	if err := own.Save(t.Context(), position4712); err != nil {
		t.Errorf("a gateway whose position was pruned cannot create it again: %v", err)
	}
	for _, args := range [][]string{
		{"replace", "-f", without},
		{"apply", "-f", without, "--prune", "-l", "app.kubernetes.io/instance=" + release},
		{"apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", without},
	} {
		kubectl(args...)
		if at := stored(); at != "4712" {
			t.Errorf("after kubectl %s of a chart without the ConfigMap the position is %q, want 4712", args[0], at)
		}
	}

	// Self-heal after the ConfigMap was deleted.
	kubectl("delete", "configmap", name+"-position")
	if err := own.Save(t.Context(), position4712); err != nil {
		t.Errorf("a gateway whose position was deleted cannot create it again: %v", err)
	}
	kubectl(serverSide...)
	if at := stored(); at != "4712" {
		t.Errorf("after self-heal the position is %q, want 4712", at)
	}

	// Self-heal reverts filters that were edited by hand.
	kubectl("patch", "configmap", name, "--type=merge", "-p", `{"data":{"filters.yaml":"filters: []"}}`)
	kubectl(serverSide...)
	filters, err := cp.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(filters.Data["filters.yaml"], "deis/empty-testbed") {
		t.Errorf("the filters are not put back:\n%s", filters.Data["filters.yaml"])
	}

	// kubectl knows no hooks, and a Job is immutable: each version has its own.
	for _, tag := range []string{"v2", "v2", "v3"} {
		if err := os.WriteFile(manifest, []byte(render(t, "--set", "project=deis/empty-testbed,image.tag="+tag)), 0o600); err != nil {
			t.Fatal(err)
		}
		kubectl("apply", "-f", manifest)
	}
	jobs, err := cp.Client().BatchV1().Jobs(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs.Items) != 2 {
		t.Errorf("%d Jobs that check filters, want one for each of two images", len(jobs.Items))
	}
}
