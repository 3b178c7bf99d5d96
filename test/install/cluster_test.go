package install

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// podUIDs returns the UIDs of pods, which differ for pods that replaced others.
func podUIDs(pods []corev1.Pod) []types.UID {
	uids := make([]types.UID, len(pods))
	for i := range pods {
		uids[i] = pods[i].UID
	}
	return uids
}

// newNamespace creates a namespace of one run of one test and returns its name.
func newNamespace(t *testing.T, name string) string {
	t.Helper()
	name = plane.UniqueName(name)
	if err := plane.CreateNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// restrict makes a namespace enforce the restricted Pod Security Standard.
func restrict(t *testing.T, namespace string) {
	t.Helper()
	label := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	_, err := plane.Client().CoreV1().Namespaces().Patch(t.Context(), namespace, types.MergePatchType, label, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// wantNoHolder fails the test if the Lease has a holder, so that the next leader would
// have to wait until it expires.
func wantNoHolder(t *testing.T, namespace, name string) {
	t.Helper()
	lease, err := plane.Client().CoordinationV1().Leases(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		t.Errorf("the lease is still held by %s", *holder)
	}
}

// storedPosition returns the position of all namespaces in a ConfigMap.
func storedPosition(t *testing.T, namespace, name string) string {
	t.Helper()
	positions, err := position.NewStore(plane.Client().CoreV1(), namespace, name).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, _ := positions.Of(position.AllNamespaces)
	return at
}
