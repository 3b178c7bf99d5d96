package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// place has what belongs to one test: a namespace whose Events are watched and one
// for builds, with a ServiceAccount that has the gateway's RBAC rules.
type place struct {
	tb         testing.TB
	watched    string
	builds     string
	kubeconfig string
}

// newPlace creates the namespaces and the ServiceAccount of a test.
func newPlace(tb testing.TB, name string) *place {
	tb.Helper()
	name = plane.UniqueName(name)
	p := &place{tb: tb, watched: name, builds: name + "-builds"}
	for _, namespace := range []string{p.watched, p.builds} {
		if err := plane.CreateNamespace(tb.Context(), namespace); err != nil {
			tb.Fatal(err)
		}
	}
	var err error
	if p.kubeconfig, err = plane.CreateGatewayAccount(tb.Context(), p.builds, "gateway-"+name); err != nil {
		tb.Fatal(err)
	}
	return p
}

// flags returns the gateway's flags for this place and a filter file with the
// given content.
func (p *place) flags(filters string) []string {
	return p.flagsOf(write(p.tb, "filters.yaml", filters))
}

// flagsOf returns the same flags with a filter file that the test has written.
func (p *place) flagsOf(file string) []string {
	return []string{
		"--kubeconfig", p.kubeconfig, "--namespace", p.watched, "--build-namespace", p.builds, "--config", file, "--listen", "",
	}
}

// noLimits is the end of a filter file without limits in practice.
const noLimits = "limits: {buildsPerMinute: 1000000, burst: 1000}\n"

// acceptPods is a filter file that accepts Events about pods.
const acceptPods = `
project: deis/empty-testbed
filters:
  - kind: Pod
    action: accept
` + noLimits

// write writes a file of one test and returns its path.
func write(tb testing.TB, name, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// newEvent returns an Event about an object in the watched namespace.
func (p *place) newEvent(name, kind, reason string) *corev1.Event {
	now := metav1.Now()
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: p.watched, Name: name},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: kind, Namespace: p.watched, Name: "object-of-" + name},
		Reason:         reason,
		Message:        "the test says that " + reason + " happened",
		Type:           corev1.EventTypeNormal,
		Source:         corev1.EventSource{Component: "integration-test"},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
}

// occur creates Events and returns them as the API server stored them.
func (p *place) occur(events ...*corev1.Event) []*corev1.Event {
	p.tb.Helper()
	stored := make([]*corev1.Event, len(events))
	var wg sync.WaitGroup
	lanes := make(chan struct{}, 16)
	for i, e := range events {
		lanes <- struct{}{}
		wg.Go(func() {
			defer func() { <-lanes }()
			var err error
			if stored[i], err = plane.Client().CoreV1().Events(e.Namespace).Create(p.tb.Context(), e, metav1.CreateOptions{}); err != nil {
				p.tb.Errorf("creating event %s: %v", e.Name, err)
			}
		})
	}
	wg.Wait()
	if p.tb.Failed() {
		p.tb.FailNow()
	}
	return stored
}

// buildSecrets returns the build Secrets of the place.
func (p *place) buildSecrets(ctx context.Context) ([]corev1.Secret, error) {
	list, err := plane.Client().CoreV1().Secrets(p.builds).List(ctx, metav1.ListOptions{LabelSelector: "heritage=brigade,component=build"})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// wantBuilds waits until there is exactly one build for each of the given Events, by
// the Event in the payload, and no other build.
func (p *place) wantBuilds(events ...*corev1.Event) []corev1.Secret {
	p.tb.Helper()
	var secrets []corev1.Secret
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		var err error
		if secrets, err = p.buildSecrets(ctx); err != nil {
			return err
		}
		return compareBuilds(events, secrets)
	})
	return secrets
}

// compareBuilds compares Events with build Secrets, one to one.
func compareBuilds(events []*corev1.Event, secrets []corev1.Secret) error {
	builds := map[string]int{}
	for _, secret := range secrets {
		var payload corev1.Event
		if err := json.Unmarshal(secret.Data["payload"], &payload); err != nil {
			return fmt.Errorf("payload of %s: %w", secret.Name, err)
		}
		builds[string(payload.UID)]++
	}
	var missing, twice []string
	for _, e := range events {
		switch builds[string(e.UID)] {
		case 0:
			missing = append(missing, e.Name)
		case 1:
		default:
			twice = append(twice, e.Name)
		}
		delete(builds, string(e.UID))
	}
	if len(missing)+len(twice)+len(builds) > 0 {
		return fmt.Errorf("%d events, %d builds: missing %s; twice %s; for no accepted event %d",
			len(events), len(secrets), strings.Join(missing, " "), strings.Join(twice, " "), len(builds))
	}
	return nil
}
