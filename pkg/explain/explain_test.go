package explain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

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

// eventsIn returns the Events of a file of testdata.
func eventsIn(t *testing.T, form string) []*corev1.Event {
	t.Helper()
	var events []*corev1.Event
	err := File(filepath.Join("testdata", form)).Each(t.Context(), func(e *corev1.Event) error {
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestAnEventIsExplainedAsSoonAsItIsComplete(t *testing.T) {
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

func TestTheEndOfTheContextEndsAReadAndSumsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe() // never closed: a terminal
	go func() { _, _ = io.WriteString(w, `{"kind": "Event", "apiVersion": "v1"}{"kind": "Ev`) }()
	var out bytes.Buffer
	printed := writerFunc(func(p []byte) (int, error) {
		cancel() // somebody has seen the first Event and presses Ctrl-C
		return out.Write(p)
	})
	err := Run(ctx, Options{Config: &config.Config{}, Sources: []Source{Stream{Name: "stdin", Reader: r}}, Out: printed})
	if err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "1 Event: 0 accepted, 1 rejected") {
		t.Errorf("no summary of the one Event in:\n%s", out.String())
	}
}

// writerFunc is a Writer that is a function.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestWhatCannotBeReadOrPrintedIsAnError(t *testing.T) {
	broken := errors.New("the disk is on fire")
	one := Stream{Name: "stdin", Reader: strings.NewReader(`{"kind": "Event", "apiVersion": "v1"}`)}
	for name, test := range map[string]struct {
		source Source
		out    io.Writer
		want   string
	}{
		"a file that is not there": {
			File("testdata/nothing"), io.Discard,
			"reading Events: open testdata/nothing: no such file or directory",
		},
		"a folder": {
			File("testdata"), io.Discard,
			"reading testdata: read testdata: is a directory",
		},
		"an input that fails at once": {
			Stream{Name: "stdin", Reader: failing{broken}},
			io.Discard,
			"reading stdin: the disk is on fire",
		},
		"an input that fails in JSON": {
			Stream{Name: "stdin", Reader: io.MultiReader(strings.NewReader(`{"items": [`), failing{broken})},
			io.Discard,
			"reading stdin: the disk is on fire",
		},
		"an input that fails in YAML": {
			Stream{Name: "stdin", Reader: io.MultiReader(strings.NewReader("kind: Event\n"), failing{broken})},
			io.Discard,
			"reading stdin: the disk is on fire",
		},
		"an output that fails": {
			one,
			failing{broken},
			"printing: the disk is on fire",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := Run(t.Context(), Options{Config: &config.Config{}, Sources: []Source{test.source}, Out: test.out})
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// failing is a file that neither lets itself be read nor written.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestBuildsAndTheBusiestMinute(t *testing.T) {
	noon := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	event := func(uid string, count int32, at time.Duration) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{UID: types.UID(uid), CreationTimestamp: metav1.NewTime(noon)},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web-0"},
			LastTimestamp:  metav1.NewTime(noon.Add(at)), Count: count,
		}
	}
	crowd := make([]*corev1.Event, 81)
	for i := range crowd {
		crowd[i] = event(fmt.Sprint(i), 1, time.Duration(i)*500*time.Millisecond)
	}
	for name, test := range map[string]struct {
		oncePer string
		events  []*corev1.Event
		want    string
	}{
		"updates of an Event share its build": {
			"",
			[]*corev1.Event{event("a", 1, 0), event("a", 2, time.Minute), event("b", 1, time.Minute), event("c", 1, time.Minute)},
			"Builds: 3, 2 of them in the busiest minute, 2026-03-01 12:01 UTC\n",
		},
		"each occurrence has its own": {
			"occurrence",
			[]*corev1.Event{event("a", 1, 0), event("a", 2, 0), event("a", 2, 0)},
			"Builds: 2, 2 of them in the busiest minute, 2026-03-01 12:00 UTC\n",
		},
		"a window has one, and of minutes alike the first is named": {
			"10m",
			[]*corev1.Event{event("b", 1, 20*time.Minute), event("a", 1, 0), event("b", 2, 9*time.Minute)},
			"Builds: 2, 1 of them in the busiest minute, 2026-03-01 12:00 UTC\n",
		},
		"an Event without a time has no minute": {
			"",
			[]*corev1.Event{{ObjectMeta: metav1.ObjectMeta{UID: "a"}}},
			"Builds: 1\n",
		},
		"more than limits let through": {
			"", crowd,
			"Builds: 81, 81 of them in the busiest minute, 2026-03-01 12:00 UTC\n" +
				"limits.buildsPerMinute 60 and limits.burst 20 would have made some of these wait\n",
		},
		"nothing": {"", nil, "Builds: none\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := "project: deis/empty-testbed\nfilters: [{action: accept"
			if test.oncePer != "" {
				file += ", oncePer: " + test.oncePer
			}
			c, err := config.Parse("filters.yaml", []byte(file+"}]\n"))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := Run(t.Context(), Options{Config: c, Sources: []Source{given(test.events)}, Out: &out}); err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(out.String(), "\n"+test.want) {
				t.Errorf("output ends\n%s\nwant\n%s", out.String(), test.want)
			}
		})
	}
}

// given is a source of Events that are there.
type given []*corev1.Event

func (g given) Each(_ context.Context, do func(*corev1.Event) error) error {
	for _, e := range g {
		if err := do(e); err != nil {
			return err
		}
	}
	return nil
}

// TestARelistRepeatsNothing shows a list again, as a reflector does that lost
// its connection for long.
func TestARelistRepeatsNothing(t *testing.T) {
	var got []string
	f := &funnel{send: func(e *corev1.Event) { got = append(got, e.Name+"@"+e.ResourceVersion) }}
	at := func(name, version string) *corev1.Event {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
	}
	for _, err := range []error{
		f.Replace([]any{at("b", "12"), at("a", "9")}, "15"),
		f.Add(at("c", "16")),
		f.Update(at("b", "17")),
		f.Delete(at("a", "18")),
		f.Replace([]any{at("b", "17"), at("e", "100"), at("d", "20"), at("c", "16")}, "101"),
		f.Update(at("d", "102")),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []string{"a@9", "b@12", "c@16", "b@17", "d@20", "e@100", "d@102"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Events (-want +got):\n%s", diff)
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	const want = `unknown format "xml"; allowed are text and json`
	if _, err := ParseFormat("xml"); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// One input that cannot be read does not hide the others, and neither does what
// is wrong in the middle of one.
func TestBadInputsDoNotHideGoodOnes(t *testing.T) {
	var out strings.Builder
	err := Run(t.Context(), Options{
		Config: &config.Config{},
		Sources: []Source{
			File("testdata/none.json"), File("testdata/event.json"), File("testdata/invalid-pods.json"), File("testdata/event.yaml"),
		},
		Out: &out,
	})
	want := []string{"reading Events: open testdata/none.json: no such file or directory", "testdata/invalid-pods.json:"}
	if err == nil || !strings.Contains(out.String(), "\n3 Events: 0 accepted, 3 rejected\n") {
		t.Fatalf("error %v, and\n%s", err, out.String())
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i >= len(want) || !strings.Contains(line, want[i]) {
			t.Errorf("error %d: %s", i, line)
		}
	}
}
