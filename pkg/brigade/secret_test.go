package brigade

import (
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
)

// backOff is an Event as the kubelet writes it.
func backOff() *corev1.Event {
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "pequod", Name: "web-0.17a", UID: "5d3e9a80-7f0e-4c53-8f5e-0a64a2a0a001", ResourceVersion: "42",
			CreationTimestamp: at, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
		},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "pequod", Name: "web-0"},
		Reason:         "BackOff",
		Message:        "Back-off restarting failed container\n web in pod <web-0>",
		Type:           corev1.EventTypeWarning,
		Source:         corev1.EventSource{Component: "kubelet", Host: "n1"},
		FirstTimestamp: at, LastTimestamp: at, Count: 5,
	}
}

// TestSecret shows a whole build Secret as it is sent, its data as text.
func TestSecret(t *testing.T) {
	e := backOff()
	build, err := newBuild(delivery.Build{
		ID: "01kdyabkw0s6yex28fx1302m8t", ProjectID: ProjectID("deis/empty-testbed"), CommitRef: "refs/heads/main", Event: e,
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := Secret("brigade", build)
	secret.StringData = map[string]string{}
	for key, value := range secret.Data {
		secret.StringData[key] = string(value)
	}
	secret.Data = nil
	got, err := yaml.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, filepath.Join("testdata", "secret.golden.yaml"), string(got))
	if len(e.ManagedFields) != 1 {
		t.Error("the Event, which belongs to the queue, was changed")
	}
}
