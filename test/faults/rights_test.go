package faults

import (
	"context"
	"errors"
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// retries returns a function that matches the record of a build that failed for the
// given reason.
func retries(reason string) func(daemon.Record) bool {
	return func(r daemon.Record) bool {
		return r.Message() == "creating build failed, retrying" && r.String("reason") == reason
	}
}

func TestQuotaExhausted(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "quota")
	g := p.begin()
	for range rounds(1) {
		p.someMore()
		p.quota("0")
		p.someMore()
		g.Wait("that the quota is exhausted", retries("forbidden"))
		before := len(p.ledger.secrets())
		p.writer.await(20)
		if after := len(p.ledger.secrets()); after != before {
			t.Errorf("%d builds were made under a quota of zero", after-before)
		}
		p.quota("100000")
	}
	p.finish("", g)
}

// quota limits the Secrets of the build namespace, and waits until the controller
// manager has applied that.
func (p *place) quota(secrets string) {
	p.tb.Helper()
	const name = corev1.ResourceName("count/secrets")
	hard := corev1.ResourceList{name: resource.MustParse(secrets)}
	quotas := p.client.CoreV1().ResourceQuotas(p.builds)
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		_ = quotas.Delete(ctx, "quota", metav1.DeleteOptions{}) // of the round before
		_, err := quotas.Create(ctx, &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Name: "quota"}, Spec: corev1.ResourceQuotaSpec{Hard: hard},
		}, metav1.CreateOptions{})
		return err
	})
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		quota, err := quotas.Get(ctx, "quota", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if applied, ok := quota.Status.Hard[name]; !ok || !applied.Equal(hard[name]) {
			return fmt.Errorf("the quota of %s is not applied", secrets)
		}
		return nil
	})
}

func TestRightsRemoved(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "rbac")
	g := p.begin()
	for range rounds(1) {
		p.someMore()
		restore := p.removeRights()
		p.someMore()
		g.Wait("that it may not create builds", retries("forbidden"))
		if p.dice.IntN(2) == 0 {
			g.Kill() // what waits is taken up by the next process
			g = p.start()
		}
		p.someMore()
		restore()
	}
	p.finish("", g)
}

// removeRights removes the right to create Secrets, and returns a function that
// restores it.
func (p *place) removeRights() (restore func()) {
	p.tb.Helper()
	bindings := p.client.RbacV1().RoleBindings(p.builds)
	binding, err := bindings.Get(p.tb.Context(), p.account, metav1.GetOptions{})
	p.must(err)
	p.must(bindings.Delete(p.tb.Context(), p.account, metav1.DeleteOptions{}))
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		review, err := p.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User:               "system:serviceaccount:" + p.builds + ":" + p.account,
				ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: p.builds, Verb: "create", Resource: "secrets"},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if review.Status.Allowed {
			return errors.New("the gateway may create secrets still")
		}
		return nil
	})
	return func() {
		p.tb.Helper()
		_, err := bindings.Create(p.tb.Context(), &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: p.account}, Subjects: binding.Subjects, RoleRef: binding.RoleRef,
		}, metav1.CreateOptions{})
		p.must(err)
	}
}
