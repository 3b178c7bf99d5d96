package install

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// released is the chart in its last form, which shipped the Lease.
const released = "../chart/testdata/released/brigade-k8s-gateway"

// TestUpgradeFromTheReleasedChart upgrades a release of the chart's last form
// while its gateway runs and builds wait behind a limit. The new pods continue where
// the old ones stopped: no build is lost, and none is created twice.
func TestUpgradeFromTheReleasedChart(t *testing.T) {
	t.Parallel()
	const waiting = 10
	watched := newNamespace(t, "town-ho")
	p := newProject(t, "melville/town-ho")
	r := newRelease(t, "goney", brigadeNamespace)
	values := func(limits string) string {
		return p.values(`
watch: {namespaces: [` + watched + `]}
filters: [{kind: Pod, action: accept}]
limits: ` + limits + "\n")
	}
	r.helm("install", r.name, released, "--wait", "--values", helm.Values(t, values("{buildsPerMinute: 1, burst: 1}")))
	name := r.deployment().Name
	lease := func() types.UID {
		object, err := plane.Client().CoordinationV1().Leases(r.namespace).Get(t.Context(), name, metav1.GetOptions{})
		r.must(err)
		return object.UID
	}
	shipped := lease()
	pods := r.pods()
	leader := runPod(t, &pods[0])
	leader.Ready()
	standby := runPod(t, &pods[1])
	standby.Wait("that it stands by", daemon.WithMessage("standing by"))

	deploy(t, watched, "steelkilt", 5)
	accepted := occurred(t, 5*len(podReasons), watched, "steelkilt", "Pod", podReasons...)
	leader.AwaitMetrics(func(m daemon.Metrics) error {
		if depth := m.Of("queue_depth"); depth < waiting {
			return fmt.Errorf("%g builds wait, want at least %d", depth, waiting)
		}
		return nil
	})

	// The old pods are deleted when their gateways have ended, not before.
	release := r.hold()
	r.upgrade(values("{buildsPerMinute: 6000, burst: 100}"))
	var after []*container
	for _, pod := range r.pods() {
		if pod.DeletionTimestamp == nil {
			after = append(after, runPod(t, &pod))
		}
	}
	if len(after) != 2 {
		t.Fatalf("%d new pods, want 2: the upgrade has not replaced them", len(after))
	}
	standby.Stop()
	leader.Stop()
	release()

	p.wantBuilds(accepted...)
	if lease() == shipped {
		t.Error("the Lease of the old chart is still there: this test proves nothing")
	}
	deploy(t, watched, "radney", 2)
	p.wantBuilds(occurred(t, 2*len(podReasons), watched, "radney", "Pod", podReasons...)...)
	r.uninstall()
}

// hold keeps the release's pods in the API server while they are deleted, as a
// kubelet does until their containers have ended. It returns what lets them go.
func (r *release) hold() (release func()) {
	r.tb.Helper()
	pods := r.pods()
	patch := func(finalizers string) {
		r.tb.Helper()
		for i := range pods {
			content := fmt.Appendf(nil, `{"metadata":{"finalizers":[%s]}}`, finalizers)
			_, err := plane.Client().CoreV1().Pods(r.namespace).Patch(r.tb.Context(), pods[i].Name, types.MergePatchType, content, metav1.PatchOptions{})
			r.must(err)
		}
	}
	patch(`"example.com/held"`)
	return func() {
		r.tb.Helper()
		patch("")
	}
}
