package explain

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
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
