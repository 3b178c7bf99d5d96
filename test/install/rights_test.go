package install

import (
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// wantRights asks the API server, as the container, for its rights in a namespace, and
// fails the test unless they are the wanted ones and those of every ServiceAccount.
func (c *container) wantRights(namespace string, want ...string) {
	c.tb.Helper()
	config := plane.Config()
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:kube-public:anybody",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kube-public", "system:authenticated"},
	}
	anybody, err := kubernetes.NewForConfig(config)
	c.must(err)
	want = slices.Concat(want, c.rights(anybody, namespace))
	slices.Sort(want)
	if diff := cmp.Diff(want, c.rights(c.client(), namespace)); diff != "" {
		c.tb.Errorf("rights in namespace %s (-want +got):\n%s", namespace, diff)
	}
}

// rights returns the rights of the client's account in a namespace, sorted.
func (c *container) rights(client kubernetes.Interface, namespace string) []string {
	c.tb.Helper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(c.tb.Context(), review, metav1.CreateOptions{})
	c.must(err)
	if review.Status.Incomplete {
		c.tb.Errorf("the rights in %s are more than the API server can tell: %s", namespace, review.Status.EvaluationError)
	}
	var rights []string
	for _, rule := range review.Status.ResourceRules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				rights = append(rights, right(rule.Verbs, resource, group, rule.ResourceNames))
			}
		}
	}
	slices.Sort(rights)
	return rights
}

// right is "<verbs> <resource>[.<group>][ <names>]".
func right(verbs []string, resource, group string, names []string) string {
	words := []string{strings.Join(verbs, ","), strings.TrimSuffix(resource+"."+group, ".")}
	if len(names) > 0 {
		words = append(words, strings.Join(names, ","))
	}
	return strings.Join(words, " ")
}

// wantNoSecrets tries, as the container, to read Secrets and to use other rights, and
// fails the test unless all of it is forbidden.
func (c *container) wantNoSecrets() {
	c.tb.Helper()
	ctx, core := c.tb.Context(), c.client().CoreV1()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "elsewhere"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "mine"}, Spec: corev1.PodSpec{Containers: c.pod.Spec.Containers}}
	for what, try := range map[string]func() error{
		"list the Secrets where builds are": func() error {
			_, err := core.Secrets(brigadeNamespace).List(ctx, metav1.ListOptions{})
			return err
		},
		"list all Secrets": func() error {
			_, err := core.Secrets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
			return err
		},
		"read a Secret": func() error {
			_, err := core.Secrets(brigadeNamespace).Get(ctx, "any", metav1.GetOptions{})
			return err
		},
		"delete a Secret": func() error {
			return core.Secrets(brigadeNamespace).Delete(ctx, "any", metav1.DeleteOptions{})
		},
		"create a Secret elsewhere": func() error {
			_, err := core.Secrets(metav1.NamespaceDefault).Create(ctx, secret, metav1.CreateOptions{})
			return err
		},
		"create a pod where builds are": func() error {
			_, err := core.Pods(brigadeNamespace).Create(ctx, pod, metav1.CreateOptions{})
			return err
		},
		"read its own filters from the API server": func() error {
			_, err := core.ConfigMaps(c.pod.Namespace).Get(ctx, c.volume("config").ConfigMap.Name, metav1.GetOptions{})
			return err
		},
	} {
		if err := try(); !apierrors.IsForbidden(err) {
			c.tb.Errorf("the gateway's account may %s: %v", what, err)
		}
	}
}
