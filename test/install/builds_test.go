package install

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// deploy creates a Deployment, for which the control plane creates pods and Events.
func deploy(tb testing.TB, namespace, name string, replicas int32) {
	tb.Helper()
	deployment := controlplane.NewDeployment(namespace, name, replicas, nil)
	if _, err := plane.Client().AppsV1().Deployments(namespace).Create(tb.Context(), deployment, metav1.CreateOptions{}); err != nil {
		tb.Fatal(err)
	}
}

// podReasons are the reasons of the Events about each pod until it runs.
var podReasons = []string{"Created", "Pulled", "Scheduled", "Started"}

// occurred waits until there are n Events, with one of the reasons, about
// objects of a kind that belong to a Deployment, and returns them.
func occurred(tb testing.TB, n int, namespace, deployment, kind string, reasons ...string) []corev1.Event {
	tb.Helper()
	var found []corev1.Event
	controlplane.Eventually(tb, func(ctx context.Context) error {
		list, err := plane.Client().CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=" + kind})
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(list.Items, func(e corev1.Event) bool {
			name := e.InvolvedObject.Name
			return name != deployment && !strings.HasPrefix(name, deployment+"-") || !slices.Contains(reasons, e.Reason)
		})
		if len(found) != n {
			return fmt.Errorf("%d Events %v about each %s of %s/%s, want %d", len(found), reasons, kind, namespace, deployment, n)
		}
		return nil
	})
	return found
}

// project is a Brigade project of one test, and the Events that must be its builds.
type project struct {
	tb   testing.TB
	name string
	id   string
	want []string
}

func newProject(tb testing.TB, name string) *project {
	tb.Helper()
	name = plane.UniqueName(name)
	id, err := plane.CreateProject(tb.Context(), brigadeNamespace, name)
	if err != nil {
		tb.Fatal(err)
	}
	return &project{tb: tb, name: name, id: id}
}

// values returns values of the chart, with the project.
func (p *project) values(others string) string {
	return "project: " + p.name + others
}

// wantBuilds waits until the given Events and those of earlier calls have
// become one build each, and no other Event has.
func (p *project) wantBuilds(events ...corev1.Event) {
	p.tb.Helper()
	for i := range events {
		p.want = append(p.want, identity(&events[i]))
	}
	slices.Sort(p.want)
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		secrets, err := plane.Client().CoreV1().Secrets(brigadeNamespace).List(ctx, metav1.ListOptions{LabelSelector: "heritage=brigade,component=build,project=" + p.id})
		if err != nil {
			return err
		}
		var built []string
		for i := range secrets.Items {
			var payload corev1.Event
			if err := json.Unmarshal(secrets.Items[i].Data["payload"], &payload); err != nil {
				return fmt.Errorf("payload of %s: %w", secrets.Items[i].Name, err)
			}
			built = append(built, identity(&payload))
		}
		slices.Sort(built)
		if diff := cmp.Diff(p.want, built); diff != "" {
			return fmt.Errorf("accepted Events (-) and builds (+) of %s:\n%s", p.name, diff)
		}
		return nil
	})
}

func identity(e *corev1.Event) string {
	return fmt.Sprintf("%s about %s %s, UID %s", e.Reason, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.UID)
}

// wantWorkers waits until Brigade has started a worker for each build.
func (p *project) wantWorkers() {
	p.tb.Helper()
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		pods, err := plane.Client().CoreV1().Pods(brigadeNamespace).List(ctx, metav1.ListOptions{LabelSelector: "component=build,project=" + p.id})
		if err != nil {
			return err
		}
		if len(pods.Items) != len(p.want) {
			return fmt.Errorf("%d workers for %d builds of %s", len(pods.Items), len(p.want), p.name)
		}
		return nil
	})
}
