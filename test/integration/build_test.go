package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	brigadeapi "github.com/brigadecore/brigade/pkg/brigade"
	"github.com/brigadecore/brigade/pkg/storage/kube"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

func TestAcceptedEventsBecomeBuildsOnceEach(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "once-each")
	gateway := daemon.Start(t, p.flags(acceptPods)...)
	gateway.Ready()
	accepted := make([]*corev1.Event, 500)
	for i := range accepted {
		accepted[i] = p.newEvent(fmt.Sprintf("accepted-%03d", i), "Pod", "BackOff")
	}
	rejected := p.newEvent("rejected", "Node", "NodeReady")
	rejected.InvolvedObject.Namespace = p.watched
	p.occur(rejected)
	accepted = p.occur(accepted...)
	p.wantBuilds(accepted...)
	for _, e := range []string{"rejected", "accepted-000"} {
		r := gateway.Wait("the event "+e, daemon.WithMessage("Processing "+p.watched+"/"+e))
		verdict := map[string]string{"rejected": "reject by default", "accepted-000": "accept by filters[0]"}[e]
		if got := r.String("verdict") + " by " + r.String("by"); got != verdict {
			t.Errorf("%s: %s, want %s", e, got, verdict)
		}
	}
	gateway.Stop()
	p.wantBuilds(accepted...)
}

func TestASecretEqualsTheOneThatBrigadeWrites(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "secret")
	gateway := daemon.Start(t, p.flags(acceptPods)...)
	gateway.Ready()
	e := p.occur(p.newEvent("web-0", "Pod", "BackOff"))[0]
	ours := p.wantBuilds(e)[0]

	payload, err := json.Marshal(withoutManagedFields(e))
	if err != nil {
		t.Fatal(err)
	}
	build := &brigadeapi.Build{
		ID:         ours.Labels["build"],
		ProjectID:  brigadeapi.ProjectID("deis/empty-testbed"),
		Type:       "Pod:BackOff",
		Provider:   "k8s-gateway",
		ShortTitle: "BackOff: Pod " + p.watched + "/object-of-web-0",
		LongTitle:  "Pod " + p.watched + "/object-of-web-0: the test says that BackOff happened (BackOff, integration-test)",
		Revision:   &brigadeapi.Revision{Ref: "refs/heads/master"},
		Payload:    payload,
	}

	t.Run("key by key", func(t *testing.T) {
		theirNamespace := p.watched + "-theirs"
		if err := plane.CreateNamespace(t.Context(), theirNamespace); err != nil {
			t.Fatal(err)
		}
		if err := kube.New(plane.Client(), theirNamespace).CreateBuild(build); err != nil {
			t.Fatal(err)
		}
		theirs, err := plane.Client().CoreV1().Secrets(theirNamespace).Get(t.Context(), ours.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whatBrigadeReads(*theirs), whatBrigadeReads(ours)); diff != "" {
			t.Errorf("Brigade's secret (-) and ours (+):\n%s", diff)
		}
	})
	t.Run("read back by Brigade", func(t *testing.T) {
		got := kube.NewBuildFromSecret(ours)
		if diff := cmp.Diff(build, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the build (-) and what Brigade reads (+):\n%s", diff)
		}
	})
}

// whatBrigadeReads returns the parts of a Secret that Brigade reads.
func whatBrigadeReads(s corev1.Secret) map[string]any {
	data := map[string]string{}
	for key, value := range s.Data {
		data[key] = string(value)
	}
	return map[string]any{"name": s.Name, "labels": s.Labels, "annotations": s.Annotations, "type": string(s.Type), "data": data}
}

// withoutManagedFields returns e as an informer of a typed client returns it.
func withoutManagedFields(e *corev1.Event) *corev1.Event {
	e = e.DeepCopy()
	e.ManagedFields = nil
	e.TypeMeta = metav1.TypeMeta{}
	return e
}

func TestBrigadeStartsAWorkerForABuild(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "worker")
	p.builds = brigadeNamespace
	project, err := plane.CreateProject(t.Context(), brigadeNamespace, "test/"+p.watched)
	if err != nil {
		t.Fatal(err)
	}
	if p.kubeconfig, err = plane.CreateGatewayAccount(t.Context(), brigadeNamespace, "gateway-in-brigade-"+p.watched); err != nil {
		t.Fatal(err)
	}
	filters := strings.ReplaceAll(acceptPods, "deis/empty-testbed", project) + "commitRef: refs/heads/main\n"
	daemon.Start(t, p.flags(filters)...).Ready()
	e := p.occur(p.newEvent("web-0", "Pod", "BackOff"))[0]

	var worker *corev1.Pod
	controlplane.Eventually(t, func(ctx context.Context) error {
		pods, err := plane.Client().CoreV1().Pods(brigadeNamespace).List(ctx, metav1.ListOptions{LabelSelector: "project=" + project})
		if err != nil {
			return err
		}
		if len(pods.Items) != 1 || pods.Items[0].Status.Phase == corev1.PodPending {
			return fmt.Errorf("%d worker pods for event %s, want one that has been started", len(pods.Items), e.UID)
		}
		worker = &pods.Items[0]
		return nil
	})
	env := map[string]string{}
	for _, v := range worker.Spec.Containers[0].Env {
		env[v.Name] = v.Value
	}
	want := map[string]string{
		"BRIGADE_BUILD_ID":       worker.Labels["build"],
		"BRIGADE_BUILD_NAME":     worker.Name,
		"BRIGADE_COMMIT_REF":     "refs/heads/main",
		"BRIGADE_COMMIT_ID":      "",
		"BRIGADE_EVENT_PROVIDER": "k8s-gateway",
		"BRIGADE_EVENT_TYPE":     "Pod:BackOff",
		"BRIGADE_PROJECT_ID":     project,
	}
	for name, value := range want {
		if env[name] != value {
			t.Errorf("%s is %q in the worker, want %q", name, env[name], value)
		}
	}
}
