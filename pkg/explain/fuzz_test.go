package explain

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/eventinput"
)

// FuzzRun explains whatever input: nothing panics, no text of an Event reaches
// the terminal as more than text, and the output is bounded by the input.
func FuzzRun(f *testing.F) {
	for _, form := range append(theSame(), inputs(f)...) {
		data, err := os.ReadFile(filepath.Join(inputDir, form))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	cfg, err := config.Load("testdata/filters.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []Format{Text, JSON} {
			var out, aside bytes.Buffer
			err := Run(t.Context(), Options{
				Config: cfg, Why: true, Format: format, Out: &out, Summary: &aside,
				Sources: []Source{eventinput.Stream{Name: "input", Reader: bytes.NewReader(data)}},
			})
			// An error names what is wrong with the input, and is printed quoted.
			if err == nil && out.Len() == 0 && aside.Len() == 0 {
				t.Error("nothing was said")
			}
			// Each Event takes some 20 bytes of input, and a dozen lines of output.
			if out.Len() > 10_000+200*len(data) {
				t.Errorf("%d bytes of output for %d of input", out.Len(), len(data))
			}
			for _, r := range out.String() {
				if r != '\n' && !unicode.IsPrint(r) && format == Text {
					t.Fatalf("%q reaches the terminal", r)
				}
			}
			if format == JSON {
				for line := range bytes.Lines(out.Bytes()) {
					if !json.Valid(line) {
						t.Fatalf("not a line of JSON: %s", line)
					}
				}
			}
		}
	})
}
