package eventinput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
)

// inputs returns the names of all inputs in testdata.
func inputs(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".golden" {
			names = append(names, entry.Name())
		}
	}
	return names
}

// readAll returns all Events up to the first error.
func readAll(name string, r io.Reader) ([]*corev1.Event, error) {
	var events []*corev1.Event
	err := Read(name, r, func(e *corev1.Event) error {
		events = append(events, e)
		return nil
	})
	return events, err
}

// eventsIn returns the Events of a file of testdata.
func eventsIn(t *testing.T, name string) []*corev1.Event {
	t.Helper()
	var events []*corev1.Event
	err := File(filepath.Join("testdata", name)).Each(t.Context(), func(e *corev1.Event) error {
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestInputs compares what is read from each file of testdata, and the error,
// with the golden file.
func TestInputs(t *testing.T) {
	var got bytes.Buffer
	for _, name := range inputs(t) {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		events, err := readAll(name, bytes.NewReader(data))
		fmt.Fprintf(&got, "%s\n", name)
		for _, e := range events {
			fmt.Fprintf(&got, "    %s/%s: %s\n", e.Namespace, e.Name, e.Reason)
		}
		if err != nil {
			fmt.Fprintf(&got, "    error: %v\n", err)
		}
	}
	golden.Check(t, filepath.Join("testdata", "inputs.golden"), got.String())
}

// TestConversionLosesNothing reads the same Events from either API group.
func TestConversionLosesNothing(t *testing.T) {
	core, events := eventsIn(t, "list.json"), eventsIn(t, "events-v1.json")
	for _, list := range [][]*corev1.Event{core, events} {
		for _, e := range list {
			e.TypeMeta = metav1.TypeMeta{}
		}
	}
	if diff := cmp.Diff(core, events); diff != "" {
		t.Errorf("core/v1 (-) and events.k8s.io/v1 (+):\n%s", diff)
	}
	if e := events[5]; e.Message == "" || e.Series == nil || e.Action == "" || e.ReportingController == "" {
		t.Errorf("the test compares too little: %+v", e)
	}
}

func TestAnEventIsHandedOnAsSoonAsItIsComplete(t *testing.T) {
	// Each part completes one Event, and the last is followed by the end. YAML
	// is complete when the next document has begun.
	for name, parts := range map[string][]string{
		"in a list":        {`{"items": [` + numbered(0), ", " + numbered(1), "," + numbered(2)},
		"in a JSON stream": {numbered(0), "\n" + numbered(1) + "\n", numbered(2)},
		"in YAML":          {yamlOf(0) + "---\n" + yamlOf(1), "---\n" + yamlOf(2), "---\n" + yamlOf(3)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, w := io.Pipe()
			found, done := make(chan string), make(chan error)
			go func() {
				done <- Stream{Name: "stdin", Reader: r}.Each(ctx, func(e *corev1.Event) error {
					found <- e.Name
					return nil
				})
			}()
			for i, part := range parts {
				if _, err := io.WriteString(w, part); err != nil {
					t.Error(err)
				}
				select {
				case got := <-found:
					if got != fmt.Sprint(i) {
						t.Errorf("event %s, want %d", got, i)
					}
				case err := <-done:
					t.Fatalf("ended before event %d: %v", i, err)
				}
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want that the context has ended", err)
			}
		})
	}
}

// numbered returns the JSON of an Event.
func numbered(i int) string {
	return fmt.Sprintf(`{"kind": "Event", "apiVersion": "v1", "metadata": {"name": "%d"}}`, i)
}

// yamlOf returns the same in YAML, as kubectl prints it.
func yamlOf(i int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Event\nmetadata:\n  name: %q\n", fmt.Sprint(i))
}

func TestInputThatCannotBeReadIsAnError(t *testing.T) {
	broken := errors.New("input/output error")
	for name, test := range map[string]struct {
		input io.Reader
		want  string
	}{
		"from the first byte on": {failing{broken}, "reading stdin: input/output error"},
		"within JSON":            {io.MultiReader(strings.NewReader(`{"items": [`), failing{broken}), "reading stdin: input/output error"},
		"within YAML":            {io.MultiReader(strings.NewReader("kind: Event\n"), failing{broken}), "reading stdin: input/output error"},
		"empty":                  {strings.NewReader(""), "stdin: empty; pipe or save what `kubectl get events -o json` prints"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAll("stdin", test.input)
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
