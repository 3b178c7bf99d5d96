package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files from what Parse says now")

// TestReports compares what a user reads about each file of testdata with the
// golden file beside it.
func TestReports(t *testing.T) {
	for _, path := range testdata(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden := path + ".golden"
			got := report(filepath.Base(path), data)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v; write it with: go test ./pkg/config -update", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
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
