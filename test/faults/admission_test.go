package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestAdmissionDeniesForAWhile has admission deny all Secrets for a while. No build is
// refused, and all are created afterwards.
func TestAdmissionDeniesForAWhile(t *testing.T) {
	t.Parallel()
	for name, deny := range map[string]func(p *place) (lift func()){
		"policy-422":  func(p *place) func() { return p.denyByPolicy(metav1.StatusReasonInvalid) },
		"policy-403":  func(p *place) func() { return p.denyByPolicy(metav1.StatusReasonForbidden) },
		"webhook-400": func(p *place) func() { return p.denyByWebhook(http.StatusBadRequest) },
		"webhook-403": func(p *place) func() { return p.denyByWebhook(http.StatusForbidden) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const waiting = 5
			p := newPlace(t, "denied-"+name)
			lift := deny(p)
			p.awaitDenied()
			g := p.start(listening)
			g.Ready()
			events := p.podEvents(p.watched, "n", waiting)
			g.AwaitMetrics(func(m daemon.Metrics) error {
				if m.Of("retries_total")+m.Of("builds_total", `outcome="refused"`) == 0 {
					return errNotYet
				}
				return nil
			})
			lift()
			p.awaitPosition(events[waiting-1].ResourceVersion)
			if refused := g.Metrics().Of("builds_total", `outcome="refused"`); refused != 0 {
				t.Errorf("%g builds were refused, want none", refused)
			}
			p.report(waiting, p.ledger.compare(named(events...), nil), "")
		})
	}
}

func (p *place) inBuilds() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.builds}}
}

// secretsCreated selects the creation of Secrets.
func secretsCreated() admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
	}
}

// denyByPolicy has a ValidatingAdmissionPolicy deny all Secrets in the build
// namespace, until lift.
func (p *place) denyByPolicy(reason metav1.StatusReason) (lift func()) {
	p.tb.Helper()
	ctx, meta := p.tb.Context(), metav1.ObjectMeta{Name: p.watched}
	admission := p.client.AdmissionregistrationV1()
	_, err := admission.ValidatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: meta,
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: secretsCreated()}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: "false", Message: "no secrets for now", Reason: &reason}},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	_, err = admission.ValidatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: meta,
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        meta.Name,
			ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			MatchResources:    &admissionregistrationv1.MatchResources{NamespaceSelector: p.inBuilds()},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	lift = func() {
		p.tb.Helper()
		p.must(admission.ValidatingAdmissionPolicyBindings().Delete(context.Background(), meta.Name, metav1.DeleteOptions{}))
	}
	return lift
}

// denyByWebhook has a webhook deny all Secrets in the build namespace with the
// given status, until lift.
func (p *place) denyByWebhook(status int32) (lift func()) {
	p.tb.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{
			UID: review.Request.UID, Result: &metav1.Status{Code: status, Message: "no secrets for now"},
		}
		_ = json.NewEncoder(w).Encode(review)
	}))
	p.tb.Cleanup(server.Close)
	fail, none := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone
	configurations := p.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := configurations.Create(p.tb.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: p.watched},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "deny." + p.watched + ".example.com",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: pemOf(server.Certificate())},
			Rules:                   []admissionregistrationv1.RuleWithOperations{secretsCreated()},
			NamespaceSelector:       p.inBuilds(),
			FailurePolicy:           &fail,
			SideEffects:             &none,
			AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	p.must(err)
	lift = func() {
		p.tb.Helper()
		p.must(configurations.Delete(context.Background(), p.watched, metav1.DeleteOptions{}))
	}
	return lift
}

// awaitDenied waits until the API server applies the denying policy.
func (p *place) awaitDenied() {
	p.tb.Helper()
	probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "probe"}}
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		_, err := p.client.CoreV1().Secrets(p.builds).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		switch {
		case err == nil:
			return errors.New("secrets are not denied yet")
		case !strings.Contains(err.Error(), "no secrets for now"):
			return fmt.Errorf("creating a secret: %w", err)
		}
		return nil
	})
}
