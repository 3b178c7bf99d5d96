package integration

import (
	"context"
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestTheGatewayNeedsTwoRights runs the gateway with an account that may only list and
// watch Events and create Secrets. Any other request of the gateway would fail.
func TestTheGatewayNeedsTwoRights(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "rights")
	daemon.Start(t, p.flags(acceptPods)...).Ready()
	p.wantBuilds(p.occur(p.newEvent("web-0", "Pod", "BackOff"))...)

	config, err := clientcmd.BuildConfigFromFlags("", p.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1 // no client-side throttle
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	everywhere := metav1.NamespaceAll
	for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
		for _, resource := range []string{"events", "secrets", "pods", "configmaps", "serviceaccounts", "namespaces"} {
			for _, namespace := range []string{p.builds, p.watched, everywhere} {
				want := resource == "events" && (verb == "list" || verb == "watch") ||
					resource == "secrets" && verb == "create" && namespace == p.builds
				t.Run(fmt.Sprintf("%s %s in %q", verb, resource, namespace), func(t *testing.T) {
					got, err := may(t.Context(), client, namespace, verb, resource)
					if err != nil {
						t.Fatal(err)
					}
					if got != want {
						t.Errorf("allowed is %t, want %t", got, want)
					}
				})
			}
		}
	}
	t.Run("secrets are really refused", func(t *testing.T) {
		_, err := client.CoreV1().Secrets(p.builds).List(t.Context(), metav1.ListOptions{})
		if !apierrors.IsForbidden(err) {
			t.Errorf("listing secrets: %v, want forbidden", err)
		}
		_, err = client.CoreV1().Secrets(p.watched).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
		if !apierrors.IsForbidden(err) {
			t.Errorf("creating a secret elsewhere: %v, want forbidden", err)
		}
	})
}

// may asks the API server whether the client's account may do something.
func may(ctx context.Context, client kubernetes.Interface, namespace, verb, resource string) (bool, error) {
	review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Resource: resource},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}
