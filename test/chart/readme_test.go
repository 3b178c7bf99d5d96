package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// The README is in the package too, where relative links lead nowhere.
func TestReadmeLinks(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(helm.Chart, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllSubmatch(readme, -1) {
		const repository = "https://github.com/brigadecore/brigade-k8s-gateway/blob/main/"
		file, own := strings.CutPrefix(string(link[1]), repository)
		if own {
			if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
				t.Errorf("%s: %v", link[1], err)
			}
		} else if !strings.HasPrefix(string(link[1]), "https://") {
			t.Errorf("%s is relative", link[1])
		}
	}
}
