//go:generate go run ../../hack/chartreadme ../../charts/brigade-k8s-gateway

// Package chart tests charts/brigade-k8s-gateway: what it renders, which values it
// refuses and with which error, which rights it grants, and that a real API server
// accepts its objects. It runs the real Helm.
package chart

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// The release that golden files show.
const (
	release   = "gw"
	namespace = "brigade"
)

// render returns all objects of the release, as `helm template` prints them.
func render(t *testing.T, args ...string) string {
	t.Helper()
	return helm.Must(t, helm.NoCluster, append([]string{"template", release, helm.Chart, "--namespace", namespace}, args...)...)
}

// valueSets returns the values files in testdata/values and in the chart's ci/, which
// chart-testing reads too, by name.
func valueSets(t *testing.T) map[string]string {
	t.Helper()
	sets := map[string]string{}
	for pattern, end := range map[string]string{"testdata/values/*.yaml": ".yaml", helm.Chart + "/ci/*-values.yaml": "-values.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no value sets %s: %v", pattern, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), end)
			if other, twice := sets[name]; twice {
				t.Fatalf("value sets %s and %s have one name", other, file)
			}
			sets[name] = file
		}
	}
	return sets
}

// sortLines sorts the lines of text, because Helm reports the faults of a values file
// in the order of a map.
func sortLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
