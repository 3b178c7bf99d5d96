package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// inventory finds the objects of releases, of every type that the API server has
// except Events, which expire.
type inventory struct {
	tb     testing.TB
	types  []schema.GroupVersionResource
	client metadata.Interface
}

func newInventory(tb testing.TB) *inventory {
	tb.Helper()
	config := plane.Config()
	config.WarningHandler = rest.NoWarnings{} // deprecated types are types too
	lists, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerPreferredResources()
	if err != nil {
		tb.Fatal(err)
	}
	inv := &inventory{tb: tb, client: metadata.NewForConfigOrDie(config)}
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			tb.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && resource.Name != "events" {
				inv.types = append(inv.types, group.WithResource(resource.Name))
			}
		}
	}
	return inv
}

// of returns the objects with the release's label, or with its name in theirs, as
// "<resource> <namespace>/<name>", sorted.
func (inv *inventory) of(ctx context.Context, r *release) ([]string, error) {
	var found []string
	for _, resource := range inv.types {
		list, err := inv.client.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", resource.Resource, err)
		}
		for i := range list.Items {
			object := &list.Items[i]
			if object.Labels[inRelease] == r.name || strings.Contains(object.Name, r.name) {
				found = append(found, fmt.Sprintf("%s %s/%s", resource.Resource, object.Namespace, object.Name))
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// wantObjects fails the test unless the release has objects of each of its types, so
// that wantNoObjects can fail.
func (inv *inventory) wantObjects(r *release, also ...string) {
	inv.tb.Helper()
	objects, err := inv.of(inv.tb.Context(), r)
	if err != nil {
		inv.tb.Fatal(err)
	}
	for _, resource := range append(also,
		"configmaps", "deployments", "endpointslices", "poddisruptionbudgets", "pods", "replicasets",
		"rolebindings", "roles", "secrets", "serviceaccounts", "services",
	) {
		if !slices.ContainsFunc(objects, func(object string) bool { return strings.HasPrefix(object, resource+" ") }) {
			inv.tb.Errorf("no %s among the objects of the release: %v", resource, objects)
		}
	}
}

// wantNoObjects waits until nothing of the release is left except the Lease, which the
// gateway created. Kubernetes' garbage collector takes a moment.
func (inv *inventory) wantNoObjects(r *release) {
	inv.tb.Helper()
	controlplane.Eventually(inv.tb, func(ctx context.Context) error {
		// A list that was started is finished, so that the error says what is left.
		left, err := inv.of(context.WithoutCancel(ctx), r)
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(object string) bool { return strings.HasPrefix(object, "leases ") })
		if len(left) > 0 {
			return fmt.Errorf("helm uninstall leaves:\n%s", strings.Join(left, "\n"))
		}
		return nil
	})
}
