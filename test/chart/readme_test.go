package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// The values in the chart's README render, and the gateway accepts their filters.
func TestReadmeExamples(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(helm.Chart, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	for _, example := range examples {
		file := filterFile(t, render(t, "--values", helm.Values(t, string(example[1]))))
		if _, err := config.Parse("filters.yaml", []byte(file)); err != nil {
			t.Errorf("%v\nfrom:\n%s", err, example[1])
		}
	}
}
