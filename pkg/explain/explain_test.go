package explain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/eventinput"
)

func TestTheEndOfTheContextEndsAReadAndSumsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe() // never closed: a terminal
	go func() { _, _ = io.WriteString(w, `{"kind": "Event", "apiVersion": "v1"}{"kind": "Ev`) }()
	var out bytes.Buffer
	printed := writerFunc(func(p []byte) (int, error) {
		cancel() // Ctrl-C after the first Event
		return out.Write(p)
	})
	err := Run(ctx, Options{Config: &config.Config{}, Sources: []Source{eventinput.Stream{Name: "stdin", Reader: r}}, Out: printed})
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
	one := eventinput.Stream{Name: "stdin", Reader: strings.NewReader(`{"kind": "Event", "apiVersion": "v1"}`)}
	for name, test := range map[string]struct {
		source Source
		out    io.Writer
		want   string
	}{
		"a file that is not there": {
			eventinput.File("testdata/nothing"), io.Discard,
			"reading Events: open testdata/nothing: no such file or directory",
		},
		"a folder": {
			eventinput.File("testdata"), io.Discard,
			"reading testdata: read testdata: is a directory",
		},
		"an input that fails at once": {
			eventinput.Stream{Name: "stdin", Reader: failing{broken}},
			io.Discard,
			"reading stdin: the disk is on fire",
		},
		"an input that fails in JSON": {
			eventinput.Stream{Name: "stdin", Reader: io.MultiReader(strings.NewReader(`{"items": [`), failing{broken})},
			io.Discard,
			"reading stdin: the disk is on fire",
		},
		"an input that fails in YAML": {
			eventinput.Stream{Name: "stdin", Reader: io.MultiReader(strings.NewReader("kind: Event\n"), failing{broken})},
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

// failing is a file that can be neither read nor written.
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
	f := &versionStore{send: func(e *corev1.Event) { got = append(got, e.Name+"@"+e.ResourceVersion) }}
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
			eventinput.File("testdata/none.json"), eventinput.File(inputDir + "/event.json"), eventinput.File(inputDir + "/invalid-pods.json"),
			eventinput.File(inputDir + "/event.yaml"),
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
