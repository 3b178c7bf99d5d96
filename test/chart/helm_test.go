//go:generate go run ../../hack/chartreadme ../../charts/brigade-k8s-gateway

// Package chart proves charts/brigade-k8s-gateway: what it renders, what it
// refuses and with which words, which rights it gives, and that a real API
// server takes all of it. Helm is the real one, started as users start it.
package chart

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The release that golden files show.
const (
	chart     = "../../charts/brigade-k8s-gateway"
	release   = "gw"
	namespace = "brigade"
)

// helm runs Helm with nothing of the user's own: no plugins, no kubeconfig but
// the given one. It returns what Helm printed, and the error with what it
// complained of.
func helm(t *testing.T, kubeconfig string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	binary, err := controlplane.Binary("helm")
	if err != nil {
		t.Fatal(err)
	}
	readFolders(t)
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "KUBECONFIG=" + kubeconfig}
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	return out.String(), complaints.String(), err
}

// readFolders reads the chart's folders, so that go test knows that its result
// depends on them: it does not see what Helm reads.
func readFolders(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(chart, func(_ string, _ fs.DirEntry, err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
}

// mustHelm is helm where nothing may go wrong.
func mustHelm(t *testing.T, kubeconfig string, args ...string) string {
	t.Helper()
	stdout, stderr, err := helm(t, kubeconfig, args...)
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout
}

// render returns all objects of the release, as `helm template` prints them.
func render(t *testing.T, args ...string) string {
	t.Helper()
	return mustHelm(t, "/dev/null", append([]string{"template", release, chart, "--namespace", namespace}, args...)...)
}

// valueSets returns the files in testdata/values and the chart's own in ci/,
// which chart-testing reads too: each a main way to install the chart, by name.
func valueSets(t *testing.T) map[string]string {
	t.Helper()
	sets := map[string]string{}
	for pattern, end := range map[string]string{"testdata/values/*.yaml": ".yaml", chart + "/ci/*-values.yaml": "-values.yaml"} {
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

// golden compares got with a file in testdata/golden, or writes it there with
// -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./test/chart -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (go test ./test/chart -update rewrites it) (-want +got):\n%s", path, diff)
	}
}

// valuesFile writes values to a file and returns its path.
func valuesFile(t *testing.T, values string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sortLines puts the lines of text in order: Helm reports the faults of a
// values file in the order of a map.
func sortLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
