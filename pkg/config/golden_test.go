package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
)

// TestReports compares what a user reads about each file of testdata with the
// golden file beside it.
func TestReports(t *testing.T) {
	for _, path := range testdata(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, path+".golden", report(filepath.Base(path), data))
		})
	}
}

// testdata returns the filter files under testdata.
func testdata(t testing.TB) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*.json"} {
		matches, err := filepath.Glob(pattern)
		if err != nil || len(matches) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		paths = append(paths, matches...)
	}
	return paths
}

// report returns all that is said about a file.
func report(file string, data []byte) string {
	cfg, err := Parse(file, data)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	b.WriteString("no faults\n")
	for _, w := range cfg.Warnings {
		b.WriteString(w.String() + "\n")
	}
	return b.String()
}
