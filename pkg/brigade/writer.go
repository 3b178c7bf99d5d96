package brigade

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// Writer creates build Secrets in one namespace. It needs only the right to create
// Secrets there.
type Writer struct {
	secrets   corev1client.SecretsGetter
	namespace string
	dryRun    bool
}

// NewWriter returns a Writer for the namespace in which Brigade reads builds. With
// dryRun the API server validates every Secret and stores none.
func NewWriter(secrets corev1client.SecretsGetter, namespace string, dryRun bool) *Writer {
	return &Writer{secrets: secrets, namespace: namespace, dryRun: dryRun}
}

// Write creates the build Secret of b. If it already exists, the outcome is Exists,
// because an earlier attempt, another replica or the previous process has created the
// same build. The error wraps the API server's, for the functions of
// k8s.io/apimachinery/pkg/api/errors.
func (w *Writer) Write(ctx context.Context, b delivery.Build) (delivery.Outcome, error) {
	build, err := newBuild(b)
	if err != nil {
		return "", delivery.Refuse(err)
	}
	options := metav1.CreateOptions{}
	if w.dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = w.secrets.Secrets(w.namespace).Create(ctx, Secret(w.namespace, build), options)
	switch {
	case apierrors.IsAlreadyExists(err):
		return delivery.Exists, nil
	case err != nil:
		return "", fmt.Errorf("creating secret %s/%s: %w", w.namespace, SecretName(b.ID), err)
	case w.dryRun:
		return delivery.DryRun, nil
	default:
		return delivery.Created, nil
	}
}
