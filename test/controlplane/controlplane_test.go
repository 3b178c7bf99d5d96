package controlplane_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/brigadecore/brigade/pkg/brigade"
	"github.com/brigadecore/brigade/pkg/storage/kube"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// One plane for all: the parts are what takes the time.
func TestControlPlane(t *testing.T) {
	on := plane{controlplane.StartForTest(t, controlplane.Everything())}

	t.Run("a Deployment becomes a running pod with Events", on.deploymentRuns)
	t.Run("a failing pod is backed off from, in one Event that counts", on.podCrashes)
	t.Run("a gateway's account may do what it needs and nothing else", on.accountIsNarrow)
	t.Run("Brigade starts a worker for a build", on.brigadeBuilds)
	t.Run("the API server comes back with what it had", on.apiServerRestarts)
	t.Run("a watch of Events from before a compaction is gone", on.historyIsCompacted)
	t.Run("a backup of etcd brings history back", on.historyGoesBack)
}

// plane is what the steps of TestControlPlane happen on.
type plane struct{ *controlplane.ControlPlane }

func (cp plane) deploymentRuns(t *testing.T) {
	deploy(t, cp, "sound", nil)

	wanted := []string{"Scheduled", "Pulled", "Created", "Started"}
	controlplane.Eventually(t, func(ctx context.Context) error {
		pod, err := podOf(ctx, cp, "sound")
		if err != nil {
			return err
		}
		if pod.Status.Phase != corev1.PodRunning {
			return fmt.Errorf("pod %s is %s", pod.Name, pod.Status.Phase)
		}
		for _, reason := range wanted {
			if _, err := eventAbout(ctx, cp, pod, reason); err != nil {
				return err
			}
		}
		return nil
	})
}

func (cp plane) podCrashes(t *testing.T) {
	deploy(t, cp, "failing", map[string]string{controlplane.CrashLoopLabel: "true"})

	controlplane.Eventually(t, func(ctx context.Context) error {
		pod, err := podOf(ctx, cp, "failing")
		if err != nil {
			return err
		}
		event, err := eventAbout(ctx, cp, pod, "BackOff")
		if err != nil {
			return err
		}
		if event.Count < 2 {
			return fmt.Errorf("Event %s has count %d", event.Name, event.Count)
		}
		return nil
	})
}

func (cp plane) accountIsNarrow(t *testing.T) {
	ctx := t.Context()
	kubeconfig, err := cp.CreateGatewayAccount(ctx, "brigade", "narrow")
	if err != nil {
		t.Fatal(err)
	}
	client := clientFor(t, kubeconfig)

	if _, err := client.CoreV1().Events("").List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		t.Errorf("listing Events: %v", err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "from-narrow"}}
	if _, err := client.CoreV1().Secrets("brigade").Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		t.Errorf("creating a Secret in brigade: %v", err)
	}
	refused := map[string]func() error{
		"listing Secrets": func() error {
			_, err := client.CoreV1().Secrets("brigade").List(ctx, metav1.ListOptions{})
			return err
		},
		"getting a Secret": func() error {
			_, err := client.CoreV1().Secrets("brigade").Get(ctx, secret.Name, metav1.GetOptions{})
			return err
		},
		"creating a Secret elsewhere": func() error {
			_, err := client.CoreV1().Secrets("default").Create(ctx, secret, metav1.CreateOptions{})
			return err
		},
		"creating an Event": func() error {
			_, err := client.CoreV1().Events("default").Create(ctx, &corev1.Event{}, metav1.CreateOptions{})
			return err
		},
		"listing pods": func() error {
			_, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
			return err
		},
	}
	for what, try := range refused {
		if err := try(); !apierrors.IsForbidden(err) {
			t.Errorf("%s: got error %v, want forbidden", what, err)
		}
	}
}

func (cp plane) apiServerRestarts(t *testing.T) {
	ctx := t.Context()
	client := cp.Client()
	before, err := client.CoreV1().Namespaces().Get(ctx, "brigade", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := cp.ServiceAccountKubeconfig(ctx, "brigade", "brigade-worker")
	if err != nil {
		t.Fatal(err)
	}

	for name, stop := range map[string]func() error{
		"stopped": cp.StopAPIServer,
		"killed":  func() error { cp.KillAPIServer(); return nil },
	} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := client.CoreV1().Namespaces().Get(ctx, "brigade", metav1.GetOptions{}); err == nil {
			t.Fatalf("an API server that is %s answers", name)
		}
		if err := cp.StartAPIServer(ctx); err != nil {
			t.Fatal(err)
		}
	}

	after, err := client.CoreV1().Namespaces().Get(ctx, "brigade", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if before.UID != after.UID {
		t.Errorf("namespace brigade is another one: UID %s before, %s after", before.UID, after.UID)
	}
	// A token from before is still one: same keys. The answer is about rights.
	_, err = clientFor(t, kubeconfig).CoreV1().Secrets("brigade").List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("with a token from before: got error %v, want forbidden", err)
	}
}

func (cp plane) historyIsCompacted(t *testing.T) {
	ctx := t.Context()
	old, err := cp.Client().CoreV1().Events("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lost", "kept"} {
		event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: name}, InvolvedObject: corev1.ObjectReference{Namespace: "default"}}
		if _, err := cp.Client().CoreV1().Events("default").Create(ctx, event, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := cp.CompactEtcd(ctx); err != nil {
		t.Fatal(err)
	}
	watcher, err := cp.Client().CoreV1().Events("default").Watch(ctx, metav1.ListOptions{ResourceVersion: old.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	first := <-watcher.ResultChan()
	if err := apierrors.FromObject(first.Object); !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		t.Errorf("watching from resourceVersion %s: got %v, %v, want expired", old.ResourceVersion, first.Type, err)
	}
}

func (cp plane) historyGoesBack(t *testing.T) {
	configMaps, ctx := cp.Client().CoreV1().ConfigMaps("default"), t.Context()
	create := func(name string) *corev1.ConfigMap {
		t.Helper()
		created, err := configMaps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	create("kept")
	backup, err := cp.BackUpEtcd(ctx)
	if err != nil {
		t.Fatal(err)
	}
	gone := create("gone")
	if err := cp.RestoreEtcd(ctx, backup); err != nil {
		t.Fatal(err)
	}
	if _, err := configMaps.Get(ctx, "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("the ConfigMap in the backup: %v", err)
	}
	if _, err := configMaps.Get(ctx, gone.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what came after the backup: got %v, want not found", err)
	}
}

func (cp plane) brigadeBuilds(t *testing.T) {
	project, err := cp.CreateProject(t.Context(), "brigade", "deis/empty-testbed")
	if err != nil {
		t.Fatal(err)
	}
	build := &brigade.Build{
		ProjectID: project,
		Type:      "Pod:BackOff",
		Provider:  "k8s-gateway",
		Revision:  &brigade.Revision{Ref: "refs/heads/master"},
		Payload:   []byte(`{}`),
	}
	if err := kube.New(cp.Client(), "brigade").CreateBuild(build); err != nil {
		t.Fatal(err)
	}

	controlplane.Eventually(t, func(ctx context.Context) error {
		pod, err := cp.Client().CoreV1().Pods("brigade").Get(ctx, "brigade-worker-"+build.ID, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if pod.Status.Phase != corev1.PodSucceeded {
			return fmt.Errorf("worker %s is %s", pod.Name, pod.Status.Phase)
		}
		if got := environment(pod)["BRIGADE_EVENT_TYPE"]; got != build.Type {
			return fmt.Errorf("worker %s has BRIGADE_EVENT_TYPE=%q, want %q", pod.Name, got, build.Type)
		}
		return nil
	})

	brig, err := controlplane.Binary("brig")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), brig, "build", "list", "--namespace", "brigade", "--kubeconfig", cp.Kubeconfig())
	output, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("brig build list: %v\n%s", err, output)
	}
	if !regexp.MustCompile(build.ID + `\s+Pod:BackOff\s+k8s-gateway\s+` + project + `\s+Succeeded`).Match(output) {
		t.Errorf("brig build list shows no succeeded build %s:\n%s", build.ID, output)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	cp, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pids := children(t, filepath.Dir(cp.Logs()))
	if len(pids) != 2 {
		t.Errorf("children with a process ID: %v, want etcd and kube-apiserver", pids)
	}

	if err := cp.Stop(); err != nil {
		t.Error(err)
	}
	if err := cp.Stop(); err != nil {
		t.Errorf("stopping again: %v", err)
	}
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("%s (%d) still runs", name, pid)
		}
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// hold makes this test binary a program that holds a plane until it is killed.
const hold = "TEST_HOLD_CONTROL_PLANE"

func TestNothingIsLeftWhenItsOwnerIsKilled(t *testing.T) {
	if os.Getenv(hold) != "" {
		cp, err := controlplane.Start(t.Context(), controlplane.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(os.Stdout, cp.Logs())
		<-t.Context().Done() // which does not come: kill -9 does
		return
	}

	owner := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	owner.Env = append(os.Environ(), hold+"=1")
	owner.Stderr = t.Output()
	output, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var logs string
	if _, err := fmt.Fscanln(output, &logs); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(logs)
	pids := children(t, dir)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()

	controlplane.Eventually(t, func(context.Context) error {
		for name, pid := range pids {
			if err := syscall.Kill(pid, 0); err == nil {
				return fmt.Errorf("%s (%d) still runs", name, pid)
			}
		}
		if _, err := os.Stat(dir); err == nil {
			return fmt.Errorf("%s is still there", dir)
		}
		return nil
	})
}

func TestFailedStartLeavesOnlyTheLogs(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	assets := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	script := []byte("#!/bin/sh\necho not today\nexit 3\n")
	for _, name := range []string{"etcd", "kube-apiserver"} {
		if err := os.WriteFile(filepath.Join(assets, name), script, 0o700); err != nil {
			t.Fatal(err)
		}
	}

	_, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err == nil {
		t.Fatal("started")
	}
	left, readErr := os.ReadDir(os.TempDir())
	if readErr != nil {
		t.Fatal(readErr)
	}
	if len(left) != 1 {
		t.Fatalf("left behind: %v, want the logs alone", left)
	}
	for _, want := range []string{"not today", filepath.Join(os.TempDir(), left[0].Name())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestMissingBinarySaysHowToBuildIt(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", dir)
	_, err := controlplane.Binary("kube-apiserver")
	if err == nil || !strings.Contains(err.Error(), "make bin/kube-apiserver builds one from source") {
		t.Errorf("got error %v", err)
	}
	_, err = controlplane.Binary("kube-nothing")
	if err == nil || !strings.Contains(err.Error(), `bin/kube-nothing is not built yet: run "make bin/kube-nothing"`) {
		t.Errorf("got error %v", err)
	}
}

// deploy creates a Deployment of one pod in namespace default.
func deploy(t *testing.T, cp plane, name string, labels map[string]string) {
	t.Helper()
	selector := map[string]string{"app": name}
	all := map[string]string{"app": name}
	maps.Copy(all, labels)
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: all},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
			},
		},
	}
	if _, err := cp.Client().AppsV1().Deployments("default").Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func podOf(ctx context.Context, cp plane, deployment string) (*corev1.Pod, error) {
	pods, err := cp.Client().CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=" + deployment})
	if err != nil {
		return nil, err
	}
	if len(pods.Items) != 1 {
		return nil, fmt.Errorf("Deployment %s has %d pods, not 1", deployment, len(pods.Items))
	}
	return &pods.Items[0], nil
}

func eventAbout(ctx context.Context, cp plane, pod *corev1.Pod, reason string) (*corev1.Event, error) {
	events, err := cp.Client().CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fmt.Sprintf("involvedObject.uid=%s,reason=%s", pod.UID, reason),
	})
	if err != nil {
		return nil, err
	}
	if len(events.Items) != 1 {
		return nil, fmt.Errorf("pod %s has %d Events with reason %s, not 1", pod.Name, len(events.Items), reason)
	}
	return &events.Items[0], nil
}

func clientFor(t *testing.T, kubeconfig string) kubernetes.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func environment(pod *corev1.Pod) map[string]string {
	values := map[string]string{}
	for _, variable := range pod.Spec.Containers[0].Env {
		values[variable.Name] = variable.Value
	}
	return values
}

// children returns the process IDs that a plane in dir has noted.
func children(t *testing.T, dir string) map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "run", "*.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pids := map[string]int{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Sscan(string(data), &pid); err != nil {
			t.Fatal(err)
		}
		pids[filepath.Base(file)] = pid
	}
	return pids
}
