package explain

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/eventinput"
	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
)

// inputDir has the inputs. pkg/eventinput shows that it reads them right.
const inputDir = "../eventinput/testdata"

// theSame are the forms in which inputDir has the same seven Events.
func theSame() []string {
	return []string{
		"list.json", "list.yaml", "array.json", "array.yaml", "raw.json", "mixed.json", "utf-16.json",
		"events-v1.json", "events-v1.yaml", "events-v1-raw.json",
		"watch.json", "watch.yaml", "output-watch-events.json", "output-watch-events.yaml",
		"cluster-info-dump.json", "cluster-info-dump.yaml",
	}
}

// TestEveryFormSaysTheSame reads the same Events in all forms that kubectl
// prints them in.
func TestEveryFormSaysTheSame(t *testing.T) {
	for name, options := range map[string]Options{
		"text":     {},
		"why":      {Why: true},
		"json":     {Format: JSON},
		"json-why": {Format: JSON, Why: true},
		"no-guard": {AllowBrigadeEvents: true},
	} {
		for _, form := range theSame() {
			t.Run(name+" of "+form, func(t *testing.T) {
				golden.Check(t, filepath.Join("testdata", "all."+name+".golden"), run(t, form, options))
			})
		}
	}
}

// TestOutput compares what a user reads about each other file of inputDir with
// its golden file.
func TestOutput(t *testing.T) {
	for _, form := range inputs(t) {
		t.Run(form, func(t *testing.T) {
			golden.Check(t, filepath.Join("testdata", form+".golden"), run(t, form, Options{}))
		})
	}
}

// TestWhyEventsAreForged shows what --why says where the namespace rule decides.
func TestWhyEventsAreForged(t *testing.T) {
	golden.Check(t, filepath.Join("testdata", "forged.why.golden"), run(t, "forged.yaml", Options{Why: true}))
	golden.Check(t, filepath.Join("testdata", "forged.json-why.golden"), run(t, "forged.yaml", Options{Format: JSON, Why: true}))
}

// inputs returns the files of inputDir that are not among theSame.
func inputs(t testing.TB) []string {
	t.Helper()
	all, err := os.ReadDir(inputDir)
	if err != nil {
		t.Fatal(err)
	}
	skipped := map[string]bool{}
	for _, form := range theSame() {
		skipped[form] = true
	}
	var found []string
	for _, entry := range all {
		name := entry.Name()
		if ext := filepath.Ext(name); (ext == ".json" || ext == ".yaml" || ext == ".txt") && !skipped[name] {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s is empty", inputDir)
	}
	return found
}

// run returns all that is said about the Events in a file of inputDir.
func run(t *testing.T, form string, o Options) string {
	t.Helper()
	var err error
	if o.Config, err = config.Load("testdata/filters.yaml"); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(inputDir, form))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var out, aside bytes.Buffer
	o.Out, o.Summary = &out, &aside
	o.Sources = []Source{eventinput.Stream{Name: form, Reader: file}}
	if err := Run(t.Context(), o); err != nil {
		fmt.Fprintf(&aside, "error: %v\n", err)
	}
	if aside.Len() > 0 {
		fmt.Fprintf(&out, "--- aside\n%s", &aside)
	}
	return out.String()
}
