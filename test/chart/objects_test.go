package chart

import (
	"regexp"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// objects returns the rendered objects of a kind, decoded strictly: a field
// that the type does not have fails the test.
func objects[T any](t *testing.T, rendered, kind string) []T {
	t.Helper()
	var found []T
	for _, document := range regexp.MustCompile(`(?m)^---$`).Split(rendered, -1) {
		var head metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if head.Kind != kind {
			continue
		}
		var object T
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		found = append(found, object)
	}
	return found
}
