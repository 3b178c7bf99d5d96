package install

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// TestFiltersAreCheckedAheadOfARelease has Helm run the chart's hook: a list
// with a fault fails the command with the report, and changes nothing.
func TestFiltersAreCheckedAheadOfARelease(t *testing.T) {
	t.Parallel()
	home := newNamespace(t, "dry-dock")
	restrict(t, home)
	k := newKubelet(t, home)
	r := newRelease(t, "sloop", home)
	configMaps := plane.Client().CoreV1().ConfigMaps(home)
	values := func(filters string) string {
		return fmt.Sprintf(`
project: melville/sloop
nodeSelector: {%s: %s}
tolerations: [{key: %s, operator: Exists}]
filters:
%s`, corev1.LabelHostname, k.node, hooksTaint, filters)
	}
	const (
		right = "  - {kind: Pod, action: accept}\n"
		wrong = "  - kind: Pod\n    expression: event.reson == \"BackOff\"\n    action: accept\n"
		fault = `filters[0].expression: undefined field 'reson'; event has action, count,`
		line  = `expression: event.reson == \"BackOff\"` // as Helm 4 logs it, in quotes
	)
	upgrade := []string{"upgrade", "--install", r.name, helm.Chart, "--namespace", home, "--values"}

	// The first install: there is nothing before it, and nothing after it.
	out, err := k.helm(append(upgrade, helm.Values(t, values(wrong)))...)
	if err == nil || !strings.Contains(out, fault) || !strings.Contains(out, line) {
		t.Errorf("error %v, want one with %s, %s in:\n%s", err, fault, line, out)
	}
	deployments, err := plane.Client().AppsV1().Deployments(home).List(t.Context(), metav1.ListOptions{})
	r.must(err)
	if len(deployments.Items) > 0 {
		t.Error("the gateway was installed with a list that has a fault")
	}

	// Right filters are installed, and the hook leaves nothing behind.
	if out, err := k.helm(append(upgrade, helm.Values(t, values(right)))...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, err := configMaps.Get(t.Context(), r.deployment().Name, metav1.GetOptions{})
	r.must(err)
	jobs, err := plane.Client().BatchV1().Jobs(home).List(t.Context(), metav1.ListOptions{})
	r.must(err)
	for i := range jobs.Items {
		if jobs.Items[i].Status.Failed == 0 {
			t.Errorf("the Job %s of the hook stays, want only that of the filters with a fault", jobs.Items[i].Name)
		}
	}
	if _, err := configMaps.Get(t.Context(), before.Name+"-check", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the ConfigMap of the hook: %v, want that it is gone", err)
	}

	// An upgrade with a fault leaves the release as it is.
	out, err = k.helm(append(upgrade, helm.Values(t, values(wrong)))...)
	if err == nil || !strings.Contains(out, fault) || !strings.Contains(out, line) {
		t.Errorf("error %v, want one with %s, %s in:\n%s", err, fault, line, out)
	}
	after, err := configMaps.Get(t.Context(), before.Name, metav1.GetOptions{})
	r.must(err)
	if before.ResourceVersion != after.ResourceVersion {
		t.Errorf("the filters in use were changed to:\n%s", after.Data["filters.yaml"])
	}

	// A warning fails the command only with filterCheck.strict.
	const warned = "  - {kind: pod, action: accept}\n"
	if out, err := k.helm(append(upgrade, helm.Values(t, values(warned)))...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = k.helm(append(upgrade, helm.Values(t, values(warned)), "--set", "filterCheck.strict=true")...)
	if want := `warning: filters[0].kind: no object has the kind`; err == nil || !strings.Contains(out, want) {
		t.Errorf("error %v, want one with %s in:\n%s", err, want, out)
	}
	r.uninstall()
}

// kubelet runs the pods of hooks on a node of its own, which kwok leaves alone,
// and answers the API server that asks it for their logs.
type kubelet struct {
	tb        testing.TB
	node      string
	namespace string

	mu   sync.Mutex
	logs map[string]string // by namespace/pod/container
}

// hooksTaint keeps pods of other tests away from a node.
const hooksTaint = "test.brigade.sh/hooks"

// newKubelet registers a node for the hooks of a namespace.
func newKubelet(t *testing.T, namespace string) *kubelet {
	t.Helper()
	k := &kubelet{tb: t, node: "hooks-of-" + namespace, namespace: namespace, logs: map[string]string{}}
	server := httptest.NewTLSServer(k)
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	k.must(err)
	port, err := strconv.ParseInt(address.Port(), 10, 32)
	k.must(err)
	nodes, ctx := plane.Client().CoreV1().Nodes(), t.Context()
	_, err = nodes.Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: k.node, Labels: map[string]string{corev1.LabelHostname: k.node}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: hooksTaint, Effect: corev1.TaintEffectNoSchedule}}},
	}, metav1.CreateOptions{})
	k.must(err)
	k.patch(func(patch []byte) error {
		_, err := nodes.Patch(ctx, k.node, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	}, corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.Hostname()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
	})
	return k
}

// ServeHTTP answers a request for the log of a container.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name, ok := strings.CutPrefix(r.URL.Path, "/containerLogs/")
	if log, known := k.logs[name]; ok && known {
		fmt.Fprint(w, log)
		return
	}
	http.NotFound(w, r)
}

// helm runs Helm, and the pods of its hooks meanwhile. It returns all that Helm
// printed.
func (k *kubelet) helm(args ...string) (out string, err error) {
	k.tb.Helper()
	pods, watchErr := plane.Client().CoreV1().Pods(k.namespace).Watch(k.tb.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + k.node})
	k.must(watchErr)
	defer pods.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var stdout, stderr string
		stdout, stderr, err = helm.Run(k.tb, plane.Kubeconfig(), args...)
		out = stdout + stderr
	}()
	for {
		select {
		case e, open := <-pods.ResultChan():
			if !open {
				k.tb.Fatal("the watch on pods has ended")
			}
			if pod, ok := e.Object.(*corev1.Pod); ok && pod.Labels["role"] == "filter-check" && pod.Status.Phase == corev1.PodPending {
				k.run(pod)
			}
		case <-done:
			return out, err
		}
	}
}

// run runs the container of a pod to its end, with what it mounts.
func (k *kubelet) run(pod *corev1.Pod) {
	k.tb.Helper()
	k.mu.Lock()
	_, ran := k.logs[k.namespace+"/"+pod.Name+"/"+pod.Spec.Containers[0].Name]
	k.mu.Unlock()
	if ran || len(pod.Spec.Containers) != 1 {
		return
	}
	c := &container{tb: k.tb, pod: pod, spec: &pod.Spec.Containers[0], root: k.tb.TempDir()}
	args := make([]string, len(c.spec.Args))
	copy(args, c.spec.Args)
	for _, m := range c.spec.VolumeMounts {
		c.mount(m, c.content(c.volume(m.Name)))
		for i := range args {
			args[i] = strings.Replace(args[i], m.MountPath, filepath.Join(c.root, m.MountPath), 1)
		}
	}
	binary, err := controlplane.Binary("k8s-gateway")
	k.must(err)
	cmd := exec.CommandContext(k.tb.Context(), binary, args...)
	log, _ := cmd.CombinedOutput() // its exit code says all
	k.mu.Lock()
	k.logs[k.namespace+"/"+pod.Name+"/"+c.spec.Name] = string(log)
	k.mu.Unlock()
	phase := corev1.PodSucceeded
	if cmd.ProcessState.ExitCode() != 0 {
		phase = corev1.PodFailed
	}
	ended := corev1.ContainerStateTerminated{ExitCode: int32(cmd.ProcessState.ExitCode()), Message: string(log)}
	k.patch(func(patch []byte) error {
		_, err := plane.Client().CoreV1().Pods(k.namespace).Patch(k.tb.Context(), pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	}, corev1.PodStatus{
		Phase:             phase,
		ContainerStatuses: []corev1.ContainerStatus{{Name: c.spec.Name, Image: c.spec.Image, State: corev1.ContainerState{Terminated: &ended}}},
	})
}

// patch sends a status as a merge patch.
func (k *kubelet) patch(send func(patch []byte) error, status any) {
	k.tb.Helper()
	patch, err := json.Marshal(map[string]any{"status": status})
	k.must(err)
	k.must(send(patch))
}

func (k *kubelet) must(err error) {
	k.tb.Helper()
	if err != nil {
		k.tb.Fatal(err)
	}
}
