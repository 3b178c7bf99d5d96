package install

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// inRelease is the label by which the chart says what belongs to a release.
const inRelease = "app.kubernetes.io/instance"

// release is an installation of the chart. Its name is not part of the name of
// anything else in the cluster.
type release struct {
	tb        testing.TB
	name      string
	namespace string
}

// newRelease returns the release of one run of one test.
func newRelease(tb testing.TB, name, namespace string) *release {
	tb.Helper()
	return &release{tb: tb, name: plane.UniqueName(name), namespace: namespace}
}

// install runs `helm install --wait`.
func (r *release) install(values string) {
	r.tb.Helper()
	r.helm("install", r.name, helm.Chart, "--wait", "--values", helm.Values(r.tb, values))
}

// upgrade runs `helm upgrade --wait`, with more flags.
func (r *release) upgrade(values string, flags ...string) {
	r.tb.Helper()
	r.helm(append([]string{"upgrade", r.name, helm.Chart, "--wait", "--values", helm.Values(r.tb, values)}, flags...)...)
}

// uninstall runs `helm uninstall --wait`.
func (r *release) uninstall() {
	r.tb.Helper()
	r.helm("uninstall", r.name, "--wait")
}

// helm runs Helm as the administrator, in the release's namespace.
func (r *release) helm(args ...string) {
	r.tb.Helper()
	helm.Must(r.tb, plane.Kubeconfig(), append(args, "--namespace", r.namespace)...)
}

// deployment returns the release's Deployment.
func (r *release) deployment() *appsv1.Deployment {
	r.tb.Helper()
	list, err := plane.Client().AppsV1().Deployments(r.namespace).List(r.tb.Context(), metav1.ListOptions{LabelSelector: inRelease + "=" + r.name})
	r.must(err)
	if len(list.Items) != 1 {
		r.tb.Fatalf("%d Deployments, want 1", len(list.Items))
	}
	return &list.Items[0]
}

// pods returns the pods that the release's Deployment has, in order of name.
func (r *release) pods() []corev1.Pod {
	r.tb.Helper()
	selector, err := metav1.LabelSelectorAsSelector(r.deployment().Spec.Selector)
	r.must(err)
	list, err := plane.Client().CoreV1().Pods(r.namespace).List(r.tb.Context(), metav1.ListOptions{LabelSelector: selector.String()})
	r.must(err)
	return list.Items
}

// edit replaces a text in the filter file of the release's ConfigMap, as
// `kubectl edit` does.
func (r *release) edit(before, after string) {
	r.tb.Helper()
	configMaps := plane.Client().CoreV1().ConfigMaps(r.namespace)
	configMap, err := configMaps.Get(r.tb.Context(), r.deployment().Name, metav1.GetOptions{})
	r.must(err)
	filters := configMap.Data["filters.yaml"]
	if strings.Count(filters, before) != 1 {
		r.tb.Fatalf("not exactly one %q in:\n%s", before, filters)
	}
	configMap.Data["filters.yaml"] = strings.Replace(filters, before, after, 1)
	_, err = configMaps.Update(r.tb.Context(), configMap, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
	r.must(err)
}

func (r *release) must(err error) {
	r.tb.Helper()
	if err != nil {
		r.tb.Fatalf("release %s: %v", r.name, err)
	}
}
