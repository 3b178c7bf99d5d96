package chart

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// The gateway's own parser reads the rendered ConfigMap.
func TestFiltersLoad(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			file := filterFile(t, render(t, "--values", values))
			if _, err := config.Parse("filters.yaml", []byte(file)); err != nil {
				t.Errorf("%v\nin:\n%s", err, file)
			}
		})
	}
}

// What `helm template` prints can be checked, with the hook that has the filters too.
func TestRenderedFiltersAreChecked(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			if _, format, err := config.Read("rendered.yaml", []byte(render(t, "--values", values))); err != nil || format != config.ConfigMap {
				t.Errorf("%s: %v", format, err)
			}
		})
	}
}

// A filter file is also a values file, so the schema must accept every example.
func TestSchemaAcceptsTheExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.yaml") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			if _, err := config.Parse(file, []byte(filterFile(t, render(t, "--values", file)))); err != nil {
				t.Error(err)
			}
		})
	}
}

// The schema has the same filter keys as the filter file.
func TestSchemaKnowsTheFilterKeys(t *testing.T) {
	data, err := os.ReadFile(helm.Chart + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties  map[string]struct{ Properties map[string]any }
		Definitions struct {
			Filter struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		file   string
		schema map[string]any
	}{
		"filters": {file: "filters: [{nobody-knows-this: 1}]", schema: schema.Definitions.Filter.Properties},
		"limits":  {file: "limits: {nobody-knows-this: 1}", schema: schema.Properties["limits"].Properties},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := slices.Sorted(maps.Keys(test.schema))
			if diff := cmp.Diff(knownKeys(t, test.file), got); diff != "" {
				t.Errorf("values.schema.json (-filter file +schema):\n%s", diff)
			}
		})
	}
}

// knownKeys returns the keys that the report about an unknown key lists.
func knownKeys(t *testing.T, file string) []string {
	t.Helper()
	_, err := config.Parse("filters.yaml", []byte(file))
	var refused *config.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%q is not refused: %v", file, err)
	}
	for _, fault := range refused.Faults {
		if _, list, found := strings.Cut(fault.Message, "unknown key; allowed are "); found {
			keys := strings.Split(list, ", ")
			slices.Sort(keys)
			return keys
		}
	}
	t.Fatalf("no list of known keys in: %v", err)
	return nil
}

// filterFile returns the filter file that is mounted into the pods.
func filterFile(t *testing.T, rendered string) string {
	t.Helper()
	for _, c := range objects[corev1.ConfigMap](t, rendered, "ConfigMap") {
		if file, ok := c.Data["filters.yaml"]; ok {
			return file
		}
	}
	t.Fatalf("no ConfigMap with filters.yaml in:\n%s", rendered)
	return ""
}
