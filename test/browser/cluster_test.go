package browser

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startGateway starts the gateway as `make demo` does, and returns the address
// of its page.
func startGateway(t *testing.T, cp *controlplane.ControlPlane) string {
	t.Helper()
	binary, err := controlplane.Binary("k8s-gateway")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := cp.CreateGatewayAccount(t.Context(), buildNamespace, "brigade-k8s-gateway")
	if err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Abs("examples/filters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	if _, err := cp.Run(controlplane.Program{
		Name: "k8s-gateway", Path: binary, Output: in,
		Args: []string{
			"--config=" + list, "--build-namespace=" + buildNamespace, "--kubeconfig=" + kubeconfig,
			"--listen=", "--ui-listen=127.0.0.1:0",
		},
	}); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	watching := make(chan struct{}, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var record struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &record) != nil {
				continue
			}
			switch record.Msg {
			case "serving the page":
				found <- record.Address
			case "watching":
				watching <- struct{}{}
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case <-watching:
	case <-time.After(patience):
		t.Fatal("the gateway does not watch Events")
	}
	return "http://" + <-found + "/"
}

// startUI runs `k8s-gateway ui` until the test ends, and returns the address of
// its page.
func startUI(t *testing.T, args ...string) string {
	t.Helper()
	address, stop := startUIUntilStopped(t, args...)
	t.Cleanup(stop)
	return address
}

// startUIUntilStopped is startUI for a program that the test stops itself.
func startUIUntilStopped(t *testing.T, args ...string) (address string, stop func()) {
	t.Helper()
	return startUIReading(t, nil, args...)
}

// startUIReading is startUIUntilStopped with a standard input.
func startUIReading(t *testing.T, stdin io.Reader, args ...string) (address string, stop func()) {
	t.Helper()
	binary, err := controlplane.Binary("k8s-gateway")
	if err != nil {
		t.Fatal(err)
	}
	return start(t, exec.CommandContext(t.Context(), binary, append([]string{"ui"}, args...)...), stdin)
}

// start starts a program that prints the address of its page.
func start(t *testing.T, program *exec.Cmd, stdin io.Reader) (address string, stop func()) {
	t.Helper()
	program.Stdin = stdin
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "Page: ")), stop
}

// createWorkload makes Events of several kinds.
func createWorkload(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	for _, namespace := range []string{"pequod", "ahab"} {
		if err := cp.CreateNamespace(t.Context(), namespace); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []struct {
		namespace, name string
		replicas        int32
		crashes         bool
	}{{"pequod", "queequeg", 3, false}, {"pequod", "ishmael", 1, true}, {"ahab", "starbuck", 2, false}, {metav1.NamespaceSystem, "logger", 1, false}} {
		labels := map[string]string{"app": d.name}
		if d.crashes {
			labels[controlplane.CrashLoopLabel] = "true"
		}
		_, err := cp.Client().AppsV1().Deployments(d.namespace).Create(t.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: d.name},
			Spec: appsv1.DeploymentSpec{
				Replicas: &d.replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": d.name}},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "any"}}},
				},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// createEvent creates an Event about a pod.
func (p page) createEvent(t *testing.T, namespace, name, reason, message string) {
	t.Helper()
	now := metav1.Now()
	_, err := p.client.CoreV1().Events(namespace).Create(t.Context(), &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: "browser."},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: name},
		Reason:         reason, Message: message, Type: corev1.EventTypeWarning, Count: 1,
		FirstTimestamp: now, LastTimestamp: now, Source: corev1.EventSource{Component: "browser-test"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}
