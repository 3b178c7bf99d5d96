package eventinput

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// FuzzRead checks what must hold for any input: Read does not panic, an
// error about the input has a position inside it, and the size of the pieces in which
// valid input arrives changes nothing.
func FuzzRead(f *testing.F) {
	for _, form := range inputs(f) {
		data, err := os.ReadFile(filepath.Join("testdata", form))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := readAll("input", bytes.NewReader(data))
		if wrong, ok := errors.AsType[*Error](err); ok {
			lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + 2
			if wrong.Line > lines*2 || wrong.Column > len(data)*4+1 || wrong.Path == "" {
				t.Errorf("%v: the input has %d lines", err, lines)
			}
		}
		again, errAgain := readAll("input", iotest.OneByteReader(bytes.NewReader(data)))
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("at once %v, byte by byte %v", err, errAgain)
		}
		// What is wrong further on may be met before an Event is complete.
		if diff := cmp.Diff(events, again); err == nil && diff != "" {
			t.Errorf("at once (-) and byte by byte (+):\n%s", diff)
		}
	})
}
