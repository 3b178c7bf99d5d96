package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

// FuzzRead holds Read to what is true of any input: it does not panic, an
// error about the input stands inside it, and the size of the pieces in which
// good input comes changes nothing.
func FuzzRead(f *testing.F) {
	for _, form := range append(theSame(), inputs(f)...) {
		data, err := os.ReadFile(filepath.Join("testdata", form))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := readAll(bytes.NewReader(data))
		if wrong, ok := errors.AsType[*InputError](err); ok {
			lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + 2
			if wrong.Line > lines*2 || wrong.Column > len(data)*4+1 || wrong.Path == "" {
				t.Errorf("%v: the input has %d lines", err, lines)
			}
		}
		again, errAgain := readAll(iotest.OneByteReader(bytes.NewReader(data)))
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("at once %v, byte by byte %v", err, errAgain)
		}
		// What is wrong further on may be met before an Event is complete.
		if diff := cmp.Diff(events, again); err == nil && diff != "" {
			t.Errorf("at once (-) and byte by byte (+):\n%s", diff)
		}
	})
}

// readAll returns all Events up to the first error.
func readAll(r io.Reader) ([]*corev1.Event, error) {
	var events []*corev1.Event
	err := Read("input", r, func(e *corev1.Event) error {
		events = append(events, e)
		return nil
	})
	return events, err
}

// FuzzRun explains whatever input: nothing panics, no text of an Event reaches
// the terminal as more than text, and the output is bounded by the input.
func FuzzRun(f *testing.F) {
	for _, form := range append(theSame(), inputs(f)...) {
		data, err := os.ReadFile(filepath.Join("testdata", form))
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
				Config: cfg, Why: true, Format: format, Out: &out, Aside: &aside,
				Sources: []Source{Stream{Name: "input", Reader: bytes.NewReader(data)}},
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
