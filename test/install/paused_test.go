package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
	"github.com/brigadecore/brigade-k8s-gateway/test/docs"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// TestPaused runs the commands under "Stop all builds" in docs/operations.md, as they
// are written there: builds are paused, what waits is built, and, paused again, what
// waits is discarded.
func TestPaused(t *testing.T) {
	t.Parallel()
	watched := newNamespace(t, "jeroboam")
	p := newProject(t, "melville/jeroboam")
	r := newRelease(t, "gabriel", brigadeNamespace)
	r.install(p.values(`
watch: {namespaces: [` + watched + `]}
filters: [{kind: Pod, reasons: [Started], action: accept}]
`))
	pods := r.pods()
	gateway := runPod(t, &pods[0])
	gateway.Ready()
	accepted := func(name string) {
		t.Helper()
		deploy(t, watched, name, 2)
		occurred(t, 2, watched, name, "Pod", "Started")
	}
	// pause pauses builds, and returns when so many wait.
	pause := func(name string) {
		t.Helper()
		r.runbook("To stop", "helm upgrade")
		gateway.sync()
		gateway.AwaitMetric(1, "paused")
		accepted(name)
		gateway.AwaitMetric(2, "queue_depth")
		if ready, err := gateway.get(t.Context(), "/readyz"); err != nil || !strings.Contains(ready, "paused: no build is created") {
			t.Errorf("/readyz says %q (%v) while builds are paused", ready, err)
		}
		p.wantBuilds()
	}

	pause("kept")
	gateway.Wait("that builds are paused", daemon.WithMessage("builds paused"))
	r.runbook("To continue and **build what waits**", "helm upgrade")
	gateway.sync()
	p.wantBuilds(occurred(t, 2, watched, "kept", "Pod", "Started")...)
	gateway.AwaitMetric(0, "paused")

	pause("discarded")
	gateway.Stop() // as the first command does
	printed := r.runbook("To continue and **discard what waits**", "helm upgrade", "k8s-gateway position show", "k8s-gateway position skip", "helm upgrade")
	for _, want := range []string{"\nthe cluster: ", "\nnamespace " + watched + ": skipped to "} {
		if !strings.Contains("\n"+printed, want) {
			t.Errorf("no %q in:\n%s", want, printed)
		}
	}
	after := r.pods()
	if len(after) != 2 {
		t.Fatalf("%d pods, want 2", len(after))
	}
	gateway = runPod(t, &after[0])
	gateway.Ready()
	accepted("after")
	p.wantBuilds(occurred(t, 2, watched, "after", "Pod", "Started")...)
	gateway.AwaitMetrics(func(m daemon.Metrics) error {
		if depth := m.Of("queue_depth"); depth != 0 {
			return fmt.Errorf("%g builds wait, want none", depth)
		}
		return nil
	})

	// After kubectl scale, Helm resets the number of pods only with --force-conflicts.
	kubectl, err := controlplane.Binary("kubectl")
	r.must(err)
	scale := exec.CommandContext(t.Context(), kubectl, "scale", "--kubeconfig", plane.Kubeconfig(), "--namespace", r.namespace, "deployment/"+r.deployment().Name, "--replicas=1")
	if out, err := scale.CombinedOutput(); err != nil {
		t.Fatalf("kubectl scale: %v\n%s", err, out)
	}
	upgrade := []string{"upgrade", r.name, helm.Chart, "--reuse-values", "--set", "replicas=3"}
	_, stderr, err := helm.Run(t, plane.Kubeconfig(), append(upgrade, "--namespace", r.namespace)...)
	if err == nil || !strings.Contains(stderr, ".spec.replicas") {
		t.Errorf("helm upgrade after kubectl scale: %v, want a conflict on .spec.replicas, as docs/operations.md says\n%s", err, stderr)
	}
	r.helm(append(upgrade, "--force-conflicts")...)
	r.uninstall()
}

// runbook runs the commands in docs/operations.md below a line that begins with head,
// and returns what they print. They must be the given ones, by how they begin.
func (r *release) runbook(head string, begins ...string) string {
	r.tb.Helper()
	_, section, found := strings.Cut(docs.Read(r.tb, "docs/operations.md"), "\n"+head)
	if !found {
		r.tb.Fatalf("docs/operations.md has no line that begins with %q", head)
	}
	var commands []string
	for line := range strings.Lines(section) {
		if command, indented := strings.CutPrefix(line, "    "); indented {
			commands = append(commands, strings.ReplaceAll(strings.TrimSpace(command), "helm upgrade events", "helm upgrade "+r.name))
		} else if len(commands) > 0 {
			break
		}
	}
	if len(commands) != len(begins) {
		r.tb.Fatalf("docs/operations.md has below %q the commands %q, want those that begin with %q", head, commands, begins)
	}
	path, err := controlplane.Binary("helm")
	r.must(err)
	var printed strings.Builder
	for i, command := range commands {
		if !strings.HasPrefix(command, begins[i]) {
			r.tb.Fatalf("docs/operations.md has the command %q, want one that begins with %q", command, begins[i])
		}
		shell := exec.CommandContext(r.tb.Context(), "sh", "-ec", command)
		shell.Env = []string{
			"PATH=" + filepath.Dir(path) + ":" + os.Getenv("PATH"), "HOME=" + r.tb.TempDir(), "KUBECONFIG=" + plane.Kubeconfig(),
			"NS=" + r.namespace, "GW=" + r.deployment().Name, "CHART=" + helm.Chart,
		}
		out, err := shell.CombinedOutput()
		if err != nil {
			r.tb.Fatalf("%s: %v\n%s", command, err, out)
		}
		printed.Write(out)
	}
	return printed.String()
}
