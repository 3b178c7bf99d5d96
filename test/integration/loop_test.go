package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// The tests in this file are not parallel, because they count all workers of the only
// Brigade in the control plane.

// loopPlace returns a place whose builds Brigade runs, and a pod in it.
func loopPlace(t *testing.T, name string) (*place, *corev1.Pod, string) {
	t.Helper()
	p := newPlace(t, name)
	p.builds = brigadeNamespace
	project, err := plane.CreateProject(t.Context(), brigadeNamespace, "test/"+p.watched)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // no context of the test: it has ended
		ctx, all := context.Background(), metav1.ListOptions{LabelSelector: "project=" + project}
		for _, err := range []error{
			plane.Client().CoreV1().Secrets(brigadeNamespace).DeleteCollection(ctx, metav1.DeleteOptions{}, all),
			plane.Client().CoreV1().Pods(brigadeNamespace).DeleteCollection(ctx, *metav1.NewDeleteOptions(0), all),
		} {
			if err != nil {
				t.Errorf("cleaning up: %v", err)
			}
		}
	})
	return p, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.watched, Name: "web"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}},
	}, project
}

// acceptAllPods is the filter list with which the first gateway looped without end.
func acceptAllPods(project string, limits string) string {
	return fmt.Sprintf("project: %s\nfilters:\n  - kind: Pod\n    action: accept\nlimits: %s\n", project, limits)
}

func TestAcceptingAllPodsBuildsThePodsOwnEventsAndNoMore(t *testing.T) {
	p, pod, project := loopPlace(t, "no-loop")
	gateway := daemon.Start(t, "--kubeconfig", plane.Kubeconfig(), "--build-namespace", brigadeNamespace, "--listen", "",
		"--namespace", p.watched+","+brigadeNamespace, "--config", write(t, "filters.yaml", acceptAllPods(project, "{burst: 100}")))
	gateway.Ready()
	if _, err := plane.Client().CoreV1().Pods(p.watched).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// Every Event about the pod is built, and the gateway has rejected an Event of
	// every build's worker.
	controlplane.Eventually(t, func(ctx context.Context) error {
		events, err := eventsAbout(ctx, p.watched, "web")
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("no events about the pod yet")
		}
		secrets, err := projectBuilds(ctx, project)
		if err != nil {
			return err
		}
		if err := compareBuilds(events, secrets); err != nil {
			return err
		}
		for _, secret := range secrets {
			echoes := gateway.Records(func(r daemon.Record) bool {
				return strings.HasPrefix(r.Message(), "Processing ") && r.String("name") == secret.Name && r.String("reason") == "Scheduled"
			})
			if len(echoes) == 0 {
				return fmt.Errorf("no event about worker %s yet", secret.Name)
			}
			for _, echo := range echoes {
				if got := echo.String("verdict") + " by " + echo.String("by"); got != "reject by guard" {
					t.Errorf("%s: %s, want reject by guard", echo.Message(), got)
				}
			}
		}
		return nil
	})
	gateway.Stop()
	events, err := eventsAbout(t.Context(), p.watched, "web")
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := projectBuilds(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	if len(secrets) > len(events) {
		t.Errorf("%d builds of %d events about the pod", len(secrets), len(events))
	}
}

func TestWithTheLoopGuardOffNoMoreThanActiveBuildsRun(t *testing.T) {
	const limit, enough = 5, 40
	p, pod, project := loopPlace(t, "loop")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	workers := countWorkers(ctx, t)
	gateway := daemon.Start(t, "--kubeconfig", plane.Kubeconfig(), "--build-namespace", brigadeNamespace, "--listen", "",
		"--namespace", p.watched+","+brigadeNamespace, "--allow-brigade-events",
		"--config", write(t, "filters.yaml", acceptAllPods(project, fmt.Sprintf("{buildsPerMinute: 1000000, burst: 1000, activeBuilds: %d}", limit))))
	gateway.Wait("what it risks", daemon.WithMessage("loop guard disabled"))
	gateway.Ready()
	if _, err := plane.Client().CoreV1().Pods(p.watched).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	controlplane.Eventually(t, func(ctx context.Context) error {
		secrets, err := projectBuilds(ctx, project)
		if err == nil && len(secrets) < enough {
			err = fmt.Errorf("%d builds, want the loop to have made %d", len(secrets), enough)
		}
		return err
	})
	gateway.Wait("that it holds builds back", func(r daemon.Record) bool { return r.String("limit") == "activeBuilds" })
	gateway.Stop()
	if most := workers.most(); most > limit || most < 2 {
		t.Errorf("at most %d workers were active at the same time, want more than one and no more than %d", most, limit)
	}
}

func TestActiveBuildsWithoutTheRightToCountThemIsAnError(t *testing.T) {
	p := newPlace(t, "no-right")
	gateway := daemon.Start(t, p.flags(strings.Replace(acceptPods, noLimits, "limits: {activeBuilds: 5}", 1))...)
	if code := gateway.Exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	want := `limits.activeBuilds needs the right to list pods in namespace ` + p.builds + `, to count the workers: ` +
		`add to the account's Role there: apiGroups: [""], resources: [pods], verbs: [list, watch]; or set limits.activeBuilds to 0`
	if !strings.Contains(gateway.Log(), want) {
		t.Errorf("no %q in:\n%s", want, gateway.Log())
	}
}

// eventsAbout returns the Events about a pod.
func eventsAbout(ctx context.Context, namespace, pod string) ([]*corev1.Event, error) {
	selector := fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": pod}.AsSelector().String()
	list, err := plane.Client().CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
	if err != nil {
		return nil, err
	}
	events := make([]*corev1.Event, len(list.Items))
	for i := range list.Items {
		events[i] = &list.Items[i]
	}
	return events, nil
}

// projectBuilds returns the build Secrets of a project.
func projectBuilds(ctx context.Context, project string) ([]corev1.Secret, error) {
	list, err := plane.Client().CoreV1().Secrets(brigadeNamespace).List(ctx,
		metav1.ListOptions{LabelSelector: "heritage=brigade,component=build,project=" + project})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// census counts the worker pods that are pending or running.
type census struct {
	mu      sync.Mutex
	active  map[string]bool
	highest int
}

func (c *census) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.highest
}

func (c *census) note(pod *corev1.Pod, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		delete(c.active, pod.Name)
	} else {
		c.active[pod.Name] = true
	}
	c.highest = max(c.highest, len(c.active))
}

// countWorkers watches the worker pods until ctx ends.
func countWorkers(ctx context.Context, t *testing.T) *census {
	t.Helper()
	c := &census{active: map[string]bool{}}
	w, err := plane.Client().CoreV1().Pods(brigadeNamespace).Watch(ctx, metav1.ListOptions{LabelSelector: "heritage=brigade,component=build"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for event := range w.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				c.note(pod, event.Type == "DELETED")
			}
		}
	}()
	t.Cleanup(w.Stop)
	return c
}
