// Package helm runs Helm for tests the way users run it: the real program, which
// make builds, with nothing of this machine's user in its environment.
package helm

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

const (
	// Chart is the folder of the chart, as seen from a package in test.
	Chart = "../../charts/brigade-k8s-gateway"
	// NoCluster is the kubeconfig for commands that must not reach a cluster.
	NoCluster = os.DevNull
)

// Run runs Helm with the arguments. It returns its output, and an error if its exit
// status is not 0.
func Run(tb testing.TB, kubeconfig string, args ...string) (stdout, stderr string, err error) {
	tb.Helper()
	binary, err := controlplane.Binary("helm")
	if err != nil {
		tb.Fatal(err)
	}
	// go test caches results and does not see which files Helm reads.
	if err := filepath.WalkDir(Chart, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		tb.Fatal(err)
	}
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(tb.Context(), binary, args...)
	cmd.Env = []string{"HOME=" + tb.TempDir(), "PATH=" + os.Getenv("PATH"), "KUBECONFIG=" + kubeconfig}
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

// Must is Run for commands that must succeed. It returns what Helm wrote to stdout.
func Must(tb testing.TB, kubeconfig string, args ...string) string {
	tb.Helper()
	stdout, stderr, err := Run(tb, kubeconfig, args...)
	if err != nil {
		tb.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout
}

// Values writes a values file and returns its path.
func Values(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
