package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// server answers lists with what it is told, one answer for each call, and
// watches with one source. Everything else of the client is nil.
type server struct {
	corev1client.EventInterface
	answers []answer
	asked   []metav1.ListOptions
	source  *source
}

// answer is one page or error.
type answer struct {
	page *corev1.EventList
	err  error
}

func (s *server) List(_ context.Context, options metav1.ListOptions) (*corev1.EventList, error) {
	s.asked = append(s.asked, options)
	if len(s.answers) == 0 {
		return nil, errors.New("the test has no further answer")
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next.page, next.err
}

func (s *server) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.asked = append(s.asked, options)
	return s.source, nil
}

// page returns a page at the given version with a token for the next one.
func page(version, next string, events ...*corev1.Event) answer {
	list := &corev1.EventList{ListMeta: metav1.ListMeta{ResourceVersion: version, Continue: next}}
	for _, e := range events {
		list.Items = append(list.Items, *e)
	}
	return answer{page: list}
}

// expired is what the API server says of a continue token that is too old.
func expired() answer {
	return answer{err: apierrors.NewResourceExpired("the provided continue parameter is too old")}
}

// accepted and rejected are Events that the reader under test takes so.
func accepted(name, version string) *corev1.Event {
	e := versioned(name, version)
	e.UID = types.UID("uid of " + name)
	e.InvolvedObject.Kind = "Pod"
	e.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	return e
}

func rejected(name, version string) *corev1.Event {
	e := accepted(name, version)
	e.InvolvedObject.Kind = "Node"
	return e
}

// acceptPods accepts what is about pods.
const acceptPods = "project: a/b\nfilters: [{kind: Pod, action: accept}]\n"

// newReaderOf returns a reader of s that accepts what is about pods, from the
// given position on.
func newReaderOf(t *testing.T, s *server, floor string) *reader {
	t.Helper()
	return newReaderWith(t, s, floor, acceptPods, 100, prometheus.NewRegistry())
}

// newReaderWith returns a reader with the given filter file and room for so
// many builds, which counts in the given registry.
func newReaderWith(t *testing.T, s *server, floor, file string, room int, registry *prometheus.Registry) *reader {
	t.Helper()
	c, err := config.Parse("filters.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	m, log := newMetrics(registry), slog.New(slog.DiscardHandler)
	tracker, decider := position.NewTracker(floor), decide.Decider{Filters: c.Filters}
	queue := delivery.NewQueue(delivery.Options{Capacity: room, Log: log, Metrics: m.delivery, Reporter: silent{}})
	t.Cleanup(func() {
		ended, end := context.WithCancel(context.Background())
		end()
		queue.Run(ended) // which stops what NewQueue started
	})
	return &reader{
		events: s, tracker: tracker, decider: decider, log: newEventLog(LogNone, log, m),
		intake: &intake{decider: decider, tracker: tracker, queue: queue},
	}
}

// listed lists and returns "name@version" of what goes on to the informer.
func listed(t *testing.T, r *reader) ([]string, error) {
	t.Helper()
	obj, err := r.list(t.Context(), metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, err
	}
	list, ok := obj.(*corev1.EventList)
	if !ok {
		t.Fatalf("%T, want a list of Events", obj)
	}
	var names []string
	for i := range list.Items {
		e := &list.Items[i]
		if len(e.ManagedFields) > 0 {
			t.Errorf("%s goes on with managedFields", e.Name)
		}
		names = append(names, e.Name+"@"+e.ResourceVersion)
	}
	return names, nil
}

// built is what intake and queue do with an accepted version.
func built(t *testing.T, r *reader, version string) {
	t.Helper()
	if !r.tracker.Claim(version) {
		t.Errorf("version %s cannot be claimed", version)
	}
	r.tracker.Done(version)
}

// at fails the test unless the position is the given one.
func at(t *testing.T, r *reader, want string) {
	t.Helper()
	if got := r.tracker.Position(); got != want {
		t.Errorf("position %q, want %q", got, want)
	}
}

// counted fails the test unless so many Events were counted as seen.
func counted(t *testing.T, r *reader, want int) {
	t.Helper()
	events := r.log.metrics.events
	sum := testutil.ToFloat64(events.WithLabelValues("accept", "filters[0]")) + testutil.ToFloat64(events.WithLabelValues("reject", "default"))
	if int(sum) != want {
		t.Errorf("%v events counted, want %d", sum, want)
	}
}

func TestReaderLists(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		floor   string
		answers []answer
		want    []string
		err     string
		// continues are the tokens that were sent.
		continues []string
		// position is the one after everything listed was built.
		position string
		counted  int
	}{
		"pages are put together without what is rejected": {
			floor: "10",
			answers: []answer{
				page("90", "next", accepted("a", "20"), rejected("b", "30")),
				page("90", "", rejected("c", "40"), accepted("d", "15")),
			},
			want: []string{"a@20", "d@15"}, continues: []string{"", "next"}, position: "90", counted: 4,
		},
		"what lies at or below the position is skipped, in whatever order it comes": {
			floor:   "20",
			answers: []answer{page("90", "", accepted("a", "30"), accepted("b", "20"), accepted("c", "9"), accepted("d", "21"))},
			want:    []string{"a@30", "d@21"}, continues: []string{""}, position: "90", counted: 2,
		},
		"without a position everything is read": {
			answers: []answer{page("90", "", accepted("a", "30"))},
			want:    []string{"a@30"}, continues: []string{""}, position: "90", counted: 1,
		},
		"a list whose continue token expired is begun again, and nothing is told twice": {
			floor: "10",
			answers: []answer{
				page("90", "next", accepted("a", "20"), rejected("b", "30")), expired(),
				page("95", "next", accepted("a", "20"), accepted("b", "92")), page("95", "", accepted("d", "94")),
			},
			want: []string{"a@20", "b@92", "d@94"}, continues: []string{"", "next", "", "next"}, position: "95", counted: 4,
		},
		"an event that is gone when the list is begun again is not waited for": {
			floor:   "10",
			answers: []answer{page("90", "next", accepted("a", "20")), expired(), page("95", "")},
			want:    nil, continues: []string{"", "next", ""}, position: "95", counted: 1,
		},
		"a list that expires again and again is left to the informer's backoff": {
			floor: "10",
			answers: []answer{
				page("90", "next", accepted("a", "20")), expired(), page("91", "next"), expired(), page("92", "next"), expired(),
			},
			err: "the provided continue parameter is too old", continues: []string{"", "next", "", "next", "", "next"}, position: "10", counted: 1,
		},
		"a list that fails half way moves nothing": {
			floor:   "10",
			answers: []answer{page("90", "next", accepted("a", "20"), rejected("b", "30")), {err: errors.New("connection refused")}},
			err:     "connection refused", continues: []string{"", "next"}, position: "10", counted: 2,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{answers: tc.answers}
			r := newReaderOf(t, s, tc.floor)
			got, err := listed(t, r)
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || err.Error() != tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("want (-), listed (+):\n%s", diff)
			}
			var continues []string
			for _, o := range s.asked {
				continues = append(continues, o.Continue)
				if o.ResourceVersion != "" || o.Limit != pageSize {
					t.Errorf("asked with resourceVersion %q and limit %d, want the latest in pages", o.ResourceVersion, o.Limit)
				}
			}
			if !slices.Equal(continues, tc.continues) {
				t.Errorf("continue tokens %q, want %q", continues, tc.continues)
			}
			if err == nil {
				for _, e := range got {
					_, version, _ := strings.Cut(e, "@")
					built(t, r, version)
				}
			}
			at(t, r, tc.position)
			counted(t, r, tc.counted)
		})
	}
}

// watching is a reader whose watch a test feeds and receives.
type watching struct {
	*testing.T
	*reader
	source *source
	stream watch.Interface
}

func newWatching(t *testing.T, options metav1.ListOptions) *watching {
	t.Helper()
	s := &server{source: newSource()}
	w := &watching{T: t, reader: newReaderOf(t, s, "10"), source: s.source}
	w.again(options)
	return w
}

// again begins another watch, as the informer does when one broke.
func (w *watching) again(options metav1.ListOptions) {
	w.Helper()
	if w.stream != nil {
		w.stream.Stop()
	}
	var err error
	if w.stream, err = w.watch(w.Context(), options); err != nil {
		w.Fatal(err)
	}
}

// send has the API server show something. It returns when that was handled or
// waits to be received.
func (w *watching) send(t watch.EventType, e *corev1.Event) {
	w.source.events <- watch.Event{Type: t, Object: e}
	synctest.Wait()
}

// receive returns what waits to be received, "nothing" where nothing does.
func (w *watching) receive() string {
	synctest.Wait()
	select {
	case got := <-w.stream.ResultChan():
		synctest.Wait() // what comes after the receipt is done too
		if e, ok := got.Object.(*corev1.Event); ok {
			return fmt.Sprintf("%s %s@%s", got.Type, e.Name, e.ResourceVersion)
		}
		return string(got.Type)
	default:
		return "nothing"
	}
}

// want fails the test unless the given things wait to be received.
func (w *watching) want(what string) {
	w.Helper()
	if got := w.receive(); got != what {
		w.Errorf("received %s, want %s", got, what)
	}
}

func TestReaderWatches(t *testing.T) {
	initial := true
	streamed := metav1.ListOptions{SendInitialEvents: &initial}
	bookmark := func(version string) *corev1.Event {
		e := versioned("", version)
		e.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		return e
	}
	tests := map[string]struct {
		options metav1.ListOptions
		test    func(w *watching)
	}{
		"what is accepted goes on and holds the position until it is built": {test: func(w *watching) {
			w.send(watch.Added, accepted("a", "20"))
			w.want("ADDED a@20")
			at(w.T, w.reader, "10")
			built(w.T, w.reader, "20")
			at(w.T, w.reader, "20")
		}},
		"what is rejected goes no further and moves the position": {test: func(w *watching) {
			w.send(watch.Added, rejected("a", "20"))
			w.want("nothing")
			at(w.T, w.reader, "20")
		}},
		"what was sent and not received is taken back, and shown by the next watch": {test: func(w *watching) {
			w.send(watch.Added, accepted("a", "20"))
			w.again(metav1.ListOptions{ResourceVersion: "10"})
			at(w.T, w.reader, "10")
			w.send(watch.Added, accepted("a", "20"))
			w.want("ADDED a@20")
			built(w.T, w.reader, "20")
			at(w.T, w.reader, "20")
			counted(w.T, w.reader, 1)
		}},
		"what was taken back and deleted meanwhile is not waited for": {test: func(w *watching) {
			w.send(watch.Added, accepted("a", "20"))
			w.again(metav1.ListOptions{ResourceVersion: "10"})
			w.send(watch.Deleted, accepted("a", "21"))
			w.want("DELETED a@21")
			at(w.T, w.reader, "21")
		}},
		"what a resumed watch shows again is told once, and built once": {test: func(w *watching) {
			w.send(watch.Added, rejected("a", "20"))
			w.send(watch.Added, accepted("b", "21"))
			w.want("ADDED b@21")
			w.again(metav1.ListOptions{ResourceVersion: "10"})
			w.send(watch.Added, rejected("a", "20"))
			w.want("nothing")
			w.send(watch.Added, accepted("b", "21"))
			w.want("ADDED b@21") // not built yet: the informer knows it already
			built(w.T, w.reader, "21")
			w.again(metav1.ListOptions{ResourceVersion: "10"})
			w.send(watch.Added, accepted("b", "21"))
			w.want("nothing")
			if w.tracker.Claim("21") {
				w.Error("version 21 was claimed twice")
			}
			counted(w.T, w.reader, 2)
		}},
		"an update is decided again": {test: func(w *watching) {
			w.send(watch.Added, rejected("a", "20"))
			w.want("nothing")
			w.send(watch.Modified, accepted("a", "21"))
			w.want("MODIFIED a@21")
			counted(w.T, w.reader, 2)
		}},
		"a bookmark goes on and moves the position": {test: func(w *watching) {
			w.send(watch.Bookmark, versioned("", "50"))
			w.want("BOOKMARK @50")
			at(w.T, w.reader, "50")
		}},
		"a deletion goes on, whatever the filters say": {test: func(w *watching) {
			w.send(watch.Deleted, rejected("a", "20"))
			w.want("DELETED a@20")
			at(w.T, w.reader, "20")
			counted(w.T, w.reader, 0)
		}},
		"an error goes on and moves nothing": {test: func(w *watching) {
			w.source.events <- watch.Event{Type: watch.Error, Object: &metav1.Status{Code: 410}}
			w.want("ERROR")
			at(w.T, w.reader, "10")
		}},
		"a streamed list comes in no order, and moves the position at its end": {options: streamed, test: func(w *watching) {
			w.send(watch.Added, accepted("a", "30"))
			w.want("ADDED a@30")
			w.send(watch.Added, rejected("b", "20"))
			w.send(watch.Added, accepted("c", "9")) // done before
			w.want("nothing")
			at(w.T, w.reader, "10")
			w.send(watch.Added, accepted("d", "15"))
			w.want("ADDED d@15")
			w.send(watch.Bookmark, bookmark("40"))
			w.want("BOOKMARK @40")
			at(w.T, w.reader, "10")
			built(w.T, w.reader, "15")
			at(w.T, w.reader, "15")
			built(w.T, w.reader, "30")
			at(w.T, w.reader, "40")
			counted(w.T, w.reader, 3)
		}},
		"a streamed list that breaks is begun again": {options: streamed, test: func(w *watching) {
			w.send(watch.Added, accepted("a", "30"))
			w.want("ADDED a@30")
			w.send(watch.Added, accepted("b", "20")) // sent, not received
			w.again(streamed)
			w.send(watch.Added, accepted("a", "30"))
			w.want("ADDED a@30")
			w.send(watch.Bookmark, bookmark("40")) // b is gone
			w.want("BOOKMARK @40")
			at(w.T, w.reader, "10")
			built(w.T, w.reader, "30")
			at(w.T, w.reader, "40")
			counted(w.T, w.reader, 2)
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatching(t, tc.options)
				defer func() { w.stream.Stop() }()
				tc.test(w)
			})
		})
	}
}
