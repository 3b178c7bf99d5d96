package brigade

import (
	"github.com/brigadecore/brigade/pkg/brigade"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretType is the type of build Secrets. Brigade's controller ignores others.
const SecretType corev1.SecretType = "brigade.sh/build"

// namePrefix is the prefix of the build ID in the names of a build's Secret and worker
// pod.
const namePrefix = "brigade-worker-"

// SecretName returns the name of the Secret, and of the worker pod, of the
// build with the given ID.
func SecretName(buildID string) string {
	return namePrefix + buildID
}

// Secret returns the build Secret of b for the given namespace. The stored Secret equals
// that of Brigade 1.5.0's CreateBuild (pkg/storage/kube/build.go) for the same build,
// key by key; a test compares the two.
func Secret(namespace string, b *brigade.Build) *corev1.Secret {
	name := SecretName(b.ID)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:      name,
			Namespace: namespace,
			Labels: map[string]string{
				"build":     b.ID,
				"component": "build",
				"heritage":  "brigade",
				"project":   b.ProjectID,
			},
		},
		Type: SecretType,
		Data: map[string][]byte{
			"build_id":       []byte(name),
			"build_name":     []byte(name),
			"clone_url":      []byte(b.CloneURL),
			"commit_id":      []byte(b.Revision.Commit),
			"commit_ref":     []byte(b.Revision.Ref),
			"config":         b.Config,
			"event_provider": []byte(b.Provider),
			"event_type":     []byte(b.Type),
			"log_level":      []byte(b.LogLevel),
			"long_title":     []byte(b.LongTitle),
			"payload":        b.Payload,
			"project_id":     []byte(b.ProjectID),
			"script":         b.Script,
			"short_title":    []byte(b.ShortTitle),
		},
	}
}
