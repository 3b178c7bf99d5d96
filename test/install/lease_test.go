package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbacv1client "k8s.io/client-go/kubernetes/typed/rbac/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestLease runs a release without its Lease, as Argo CD leaves it, which applies no
// Leases and prunes them: the Lease does not exist at the start, may not be created,
// and is deleted while it is held.
func TestLease(t *testing.T) {
	t.Parallel()
	watched := newNamespace(t, "bachelor")
	p := newProject(t, "melville/bachelor")
	r := newRelease(t, "delight", brigadeNamespace)
	r.install(p.values(`
watch: {namespaces: [` + watched + `]}
filters: [{kind: Pod, reasons: [Started], action: accept}]
`))
	name, pods := r.deployment().Name, r.pods()
	leases := plane.Client().CoordinationV1().Leases(r.namespace)
	if _, err := leases.Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("the chart has installed a Lease (%v): this test proves nothing", err)
	}

	// Without the right to create it the pod is not ready, and says why.
	restore := r.takeRights(func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Resources, "leases") && slices.Contains(rule.Verbs, "create")
	})
	gateways := []*container{runPod(t, &pods[0])}
	controlplane.Eventually(t, func(ctx context.Context) error {
		_, err := gateways[0].get(ctx, "/readyz")
		if want := "creating lease " + r.namespace + "/" + name + ": leases.coordination.k8s.io is forbidden"; err == nil || !strings.Contains(err.Error(), want) {
			return fmt.Errorf("/readyz: %w, want %s", err, want)
		}
		return nil
	})
	restore()
	gateways[0].Ready()
	gateways[0].probe(gateways[0].spec.ReadinessProbe)
	gateways = append(gateways, runPod(t, &pods[1]))
	gateways[1].Wait("that it stands by", daemon.WithMessage("standing by"))
	deploy(t, watched, "one", 2)
	p.wantBuilds(occurred(t, 2, watched, "one", "Pod", "Started")...)

	// Deleted under the leader, it is there again, and one of the two leads.
	before, err := leases.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := leases.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	controlplane.Eventually(t, func(ctx context.Context) error {
		after, err := leases.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if holder := after.Spec.HolderIdentity; after.UID == before.UID || holder == nil || *holder == "" {
			return fmt.Errorf("the Lease %s is held by %v", after.UID, holder)
		}
		return wantOneLeader(ctx, gateways)
	})
	deploy(t, watched, "two", 2)
	p.wantBuilds(occurred(t, 2, watched, "two", "Pod", "Started")...)
	for _, g := range gateways {
		g.probe(g.spec.ReadinessProbe)
		g.probe(g.spec.LivenessProbe)
	}
	// The old leader gives up at its next renewal.
	controlplane.Eventually(t, func(ctx context.Context) error { return wantOneLeader(ctx, gateways) })
	r.uninstall()
}

// wantOneLeader returns an error unless exactly one of the gateways leads.
func wantOneLeader(ctx context.Context, gateways []*container) error {
	leaders := 0
	for _, g := range gateways {
		scrape, err := g.get(ctx, "/metrics")
		if err != nil {
			return err
		}
		if strings.Contains(scrape, "\n"+prefix+"leader 1\n") {
			leaders++
		}
	}
	if leaders != 1 {
		return fmt.Errorf("%d gateways lead, want 1", leaders)
	}
	return nil
}

// takeRights takes the rules that match from the Roles of the release, and returns
// what gives them back.
func (r *release) takeRights(matches func(rbacv1.PolicyRule) bool) (restore func()) {
	r.tb.Helper()
	roles := func(namespace string) rbacv1client.RoleInterface { return plane.Client().RbacV1().Roles(namespace) }
	list, err := roles(metav1.NamespaceAll).List(r.tb.Context(), metav1.ListOptions{LabelSelector: inRelease + "=" + r.name})
	r.must(err)
	set := func(role *rbacv1.Role, rules []rbacv1.PolicyRule) {
		r.tb.Helper()
		current, err := roles(role.Namespace).Get(r.tb.Context(), role.Name, metav1.GetOptions{})
		r.must(err)
		current.Rules = rules
		_, err = roles(role.Namespace).Update(r.tb.Context(), current, metav1.UpdateOptions{})
		r.must(err)
	}
	for i := range list.Items {
		set(&list.Items[i], slices.DeleteFunc(slices.Clone(list.Items[i].Rules), matches))
	}
	return func() {
		r.tb.Helper()
		for i := range list.Items {
			set(&list.Items[i], list.Items[i].Rules)
		}
	}
}

// about matches rules on any of the resources.
func about(resources ...string) func(rbacv1.PolicyRule) bool {
	return func(rule rbacv1.PolicyRule) bool {
		return slices.ContainsFunc(rule.Resources, func(of string) bool { return slices.Contains(resources, of) })
	}
}
