package chart

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// released is the chart's last form, which had the Lease.
const released = "testdata/released/brigade-k8s-gateway"

// An upgrade from a chart that has the Lease deletes it. The position stays, so that
// waiting builds are made, and the account can create the Lease. test/install does the
// same with a running gateway.
func TestUpgradeFromReleased(t *testing.T) {
	cp := controlplane.StartForTest(t, controlplane.Options{})
	createNamespaces(t, cp)
	const name = release + "-brigade-k8s-gateway"
	args := []string{"--namespace", namespace, "--set", "project=deis/empty-testbed"}
	helm.Must(t, cp.Kubeconfig(), append([]string{"install", release, released}, args...)...)
	leads(t, cp, name, name)

	helm.Must(t, cp.Kubeconfig(), append([]string{"upgrade", release, helm.Chart, "--no-hooks"}, args...)...)
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
