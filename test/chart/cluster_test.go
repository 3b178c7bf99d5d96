package chart

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// createNamespaces creates the namespaces in the value sets. The release's namespace
// enforces the restricted Pod Security Standard.
func createNamespaces(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	for name, labels := range map[string]map[string]string{
		namespace: {"pod-security.kubernetes.io/enforce": "restricted"},
		"pequod":  nil,
		"ahab":    nil,
	} {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
		if _, err := cp.Client().CoreV1().Namespaces().Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// everything returns the names of all objects of all types in the cluster, except
// Events.
func everything(t *testing.T, cp *controlplane.ControlPlane) []string {
	t.Helper()
	cfg := cp.Config()
	cfg.WarningHandler = rest.NoWarnings{} // deprecated types are types too
	kinds, err := discovery.NewDiscoveryClientForConfigOrDie(cfg).ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	client := dynamic.NewForConfigOrDie(cfg)
	var found []string
	for _, list := range kinds {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range list.APIResources {
			if !slices.Contains(kind.Verbs, "list") || kind.Name == "events" {
				continue
			}
			objects, err := client.Resource(group.WithResource(kind.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects.Items {
				found = append(found, kind.Name+" "+object.GetNamespace()+"/"+object.GetName())
			}
		}
	}
	slices.Sort(found)
	return found
}

// theDeployment returns the Deployment of the release.
func theDeployment(t *testing.T, cp *controlplane.ControlPlane) *appsv1.Deployment {
	t.Helper()
	list, err := cp.Client().AppsV1().Deployments(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 {
		t.Fatalf("%d Deployments, want 1", len(list.Items))
	}
	return &list.Items[0]
}

// impersonate returns a client with the rights of a ServiceAccount.
func impersonate(t *testing.T, cp *controlplane.ControlPlane, account string) kubernetes.Interface {
	t.Helper()
	cfg := cp.Config()
	cfg.Impersonate = rest.ImpersonationConfig{UserName: userName(account), Groups: groups()}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// may asks the API server whether a ServiceAccount may do something.
func may(t *testing.T, cp *controlplane.ControlPlane, account string, what authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: userName(account), Groups: groups(), ResourceAttributes: &what,
	}}
	review, err := cp.Client().AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// userName returns the user name of a ServiceAccount in the release's namespace.
func userName(account string) string {
	return "system:serviceaccount:" + namespace + ":" + account
}

func groups() []string {
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
}
