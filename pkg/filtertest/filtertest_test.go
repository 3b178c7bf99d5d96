package filtertest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/eventinput"
	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
)

// TestReports compares the reports of each test file with its golden files: files
// with faults, tests that pass and tests that fail.
func TestReports(t *testing.T) {
	paths, err := filepath.Glob("testdata/*_test.yaml")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := Read(t.Context(), path)
			if err != nil {
				golden.Check(t, path+".golden", err.Error()+"\n")
				return
			}
			report := run(t, file, "")
			for format, extension := range map[Format]string{Text: ".golden", JSON: ".golden.json", JUnit: ".golden.xml"} {
				var out bytes.Buffer
				if err := Print(&out, format, []Report{report}); err != nil {
					t.Fatal(err)
				}
				golden.Check(t, path+extension, out.String())
			}
		})
	}
}

// run runs the cases of a file whose names contain a text.
func run(t *testing.T, file *File, part string) Report {
	t.Helper()
	c, err := config.Load(file.Filters)
	if err != nil {
		t.Fatal(err)
	}
	return Run(file, c, func(name string) bool { return strings.Contains(name, part) })
}

func TestOnlyTheCasesThatAreSelectedRun(t *testing.T) {
	file, err := Read(t.Context(), "testdata/passes_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	report := run(t, file, "Node")
	if len(report.Results) != 1 || report.Coverage.Filters != 3 || len(report.Coverage.Missing) != 2 {
		t.Errorf("%+v", report)
	}
}

// An Event in a test has the fields of a stored one that identity and expressions
// need.
func TestAnEventGetsWhatItNeeds(t *testing.T) {
	file, err := Read(t.Context(), "testdata/passes_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		for _, e := range c.Events {
			if e.UID == "" || e.Name == "" || e.Namespace == "" || e.CreationTimestamp.IsZero() || e.InvolvedObject.Kind == "" {
				t.Errorf("%s: %+v", c.Name, e)
			}
		}
	}
}

// What is recorded passes, and covers what decided.
func TestARecordedFilePasses(t *testing.T) {
	for name, filters := range map[string]string{
		"a list that looks at few facts":   "../../examples/filters.yaml",
		"a list that looks at names":       "testdata/names.yaml",
		"a list that looks at expressions": "../../examples/after-five-occurrences.yaml",
		"a list with outcomes of its own":  "testdata/groups.yaml",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(filters)
			if err != nil {
				t.Fatal(err)
			}
			absolute, err := filepath.Abs(filters)
			if err != nil {
				t.Fatal(err)
			}
			r := &Recorder{Filters: absolute, Config: c}
			for _, input := range []string{"array.json", "events-v1.json", "forged.yaml", "list.yaml", "by-hand.yaml"} {
				err := eventinput.File("../eventinput/testdata/"+input).Each(t.Context(), func(e *corev1.Event) error { return r.Add(e) })
				if err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			if err := r.Write(&out); err != nil {
				t.Fatal(err)
			}
			events, cases := r.Seen()
			if cases == 0 || cases >= events {
				t.Errorf("%d cases of %d Events", cases, events)
			}
			path := filepath.Join(t.TempDir(), "recorded_test.yaml")
			if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := Read(t.Context(), path)
			if err != nil {
				t.Fatalf("%v\nin\n%s", err, out.String())
			}
			report := Run(file, c, func(string) bool { return true })
			if report.Failed() > 0 || len(report.Results) != cases {
				var text bytes.Buffer
				_ = Print(&text, Text, []Report{report})
				t.Errorf("%d of %d failed:\n%s", report.Failed(), len(report.Results), text.String())
			}
			goldens := map[string]string{
				"a list that looks at few facts":  "testdata/recorded.golden",
				"a list with outcomes of its own": "testdata/recorded-outcomes.golden",
			}
			if path, ok := goldens[name]; ok {
				golden.Check(t, path, strings.ReplaceAll(out.String(), absolute, "filters.yaml"))
			}
		})
	}
}
