package chart

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// released is the chart as it was when it shipped the Lease.
const released = "testdata/released/brigade-k8s-gateway"

// An upgrade takes the Lease away, which the chart had until then. The position
// stays, so that what waited is built, and the account may create the Lease.
func TestUpgradeFromReleased(t *testing.T) {
	cp := controlplane.StartForTest(t, controlplane.Options{})
	createNamespaces(t, cp)
	const name = release + "-brigade-k8s-gateway"
	args := []string{"--namespace", namespace, "--set", "project=deis/empty-testbed"}
	helm.Must(t, cp.Kubeconfig(), append([]string{"install", release, released}, args...)...)
	leads(t, cp, name, name)

	helm.Must(t, cp.Kubeconfig(), append([]string{"upgrade", release, helm.Chart}, args...)...)
	stored, err := position.NewStore(cp.Client().CoreV1(), namespace, name+"-position").Load(t.Context())
	if err != nil || stored[position.AllNamespaces] != "4711" {
		t.Errorf("after the upgrade the position is %v (%v), want 4711", stored, err)
	}
	if _, err := cp.Client().CoordinationV1().Leases(namespace).Get(t.Context(), name, metav1.GetOptions{}); err == nil {
		t.Error("the upgrade has left the chart's Lease: this test proves nothing")
	}
	leads(t, cp, name, name)
	if _, err := cp.Client().CoordinationV1().Leases(namespace).Get(t.Context(), name, metav1.GetOptions{}); err != nil {
		t.Errorf("after the upgrade no gateway can create the Lease: %v", err)
	}
}
