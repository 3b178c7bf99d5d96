package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// server is a client that answers lists with the given answers, one for each
// call, and watches with one feed. Everything else of it is nil.
type server struct {
	corev1client.CoreV1Interface
	corev1client.EventInterface

	mu      sync.Mutex
	answers []answer
	asked   []metav1.ListOptions
	feed    *feed
	refuses error
}

func (s *server) Events(string) corev1client.EventInterface { return s }

// answer is one page or error.
type answer struct {
	page *corev1.EventList
	err  error
}

func (s *server) List(_ context.Context, options metav1.ListOptions) (*corev1.EventList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, options)
	if len(s.answers) == 0 {
		return nil, errors.New("the test has no further answer")
	}
	next := s.answers[0]
	if len(s.answers) > 1 || next.err == nil && next.page.Continue != "" || next.err != nil {
		s.answers = s.answers[1:]
	}
	return next.page, next.err
}

func (s *server) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, options)
	return s.feed, s.refuses
}

// page returns a page at the given version with a token for the next one. The
// last one without a token answers all further lists.
func page(version, next string, events ...*corev1.Event) answer {
	list := &corev1.EventList{ListMeta: metav1.ListMeta{ResourceVersion: version, Continue: next}}
	for _, e := range events {
		list.Items = append(list.Items, *e)
	}
	return answer{page: list}
}

// expired is the API server's error for a continue token that is too old.
func expired() answer {
	return answer{err: apierrors.NewResourceExpired("the provided continue parameter is too old")}
}

func versioned(name, version string) *corev1.Event {
	return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "pequod", Name: name, ResourceVersion: version}}
}

// accepted and rejected return Events that the source under test accepts or rejects.
func accepted(name, version string) *corev1.Event {
	e := versioned(name, version)
	e.UID = types.UID("uid of " + name)
	e.InvolvedObject = corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"}
	e.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	return e
}

func rejected(name, version string) *corev1.Event {
	e := accepted(name, version)
	e.InvolvedObject.Kind = "Job"
	return e
}

// acceptPods is a filter file that accepts Events about pods.
const acceptPods = "project: a/b\nfilters: [{kind: Pod, action: accept}]\n"

// reading is a Source, with its input and its results.
type reading struct {
	*Source
	t       *testing.T
	server  *server
	mu      sync.Mutex
	decider *decide.Decider
	builds  []delivery.Build
	seen    []string
	// begun and confirmed count the checks of the history that began, and that
	// found it whole.
	begun, confirmed int
	// reports are what Reading was called with.
	reports []string
}

// newReading returns a Source of a server that accepts Events about pods.
func newReading(t *testing.T, s *server, start string) *reading {
	t.Helper()
	r := &reading{t: t, server: s}
	r.use(acceptPods)
	r.Source = New(Options{
		Core: s, Scope: "pequod", Selector: "type=Warning", Tracker: position.NewTracker(start), Confirmation: r.confirmation, Queue: r, Observer: r, Metrics: NewMetrics(prometheus.NewRegistry()),
		Reading: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if err == nil {
				r.reports = append(r.reports, "watching")
			} else {
				r.reports = append(r.reports, err.Error())
			}
		},
		Decider: func() *decide.Decider {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.decider
		},
	})
	return r
}

func (r *reading) confirmation() (confirm func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.confirmed++
	}
}

// confirmations returns how many checks began, and how many found the history whole.
func (r *reading) confirmations() (begun, confirmed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun, r.confirmed
}

// use makes a filter file the current one.
func (r *reading) use(file string) {
	r.t.Helper()
	c, err := config.Parse("filters.yaml", []byte(file))
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decider = &decide.Decider{Filters: c.Filters}
}

// Add implements Queue.
func (r *reading) Add(b delivery.Build, tracker delivery.Tracker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if tracker != delivery.Tracker(r.tracker) {
		r.t.Error("a build comes with the tracker of another source")
	}
	r.builds = append(r.builds, b)
}

// Seen implements Observer.
func (r *reading) Seen(_ context.Context, e *corev1.Event, v filter.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, e.Name+"@"+e.ResourceVersion+" "+v.Action.String())
}

// taken returns "name@version" of the Events whose builds were queued.
func (r *reading) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, b := range r.builds {
		names = append(names, b.Event.Name+"@"+b.Event.ResourceVersion)
	}
	return names
}

// wants compares the queued builds.
func (r *reading) wants(names ...string) {
	r.t.Helper()
	if diff := cmp.Diff(names, r.taken()); diff != "" {
		r.t.Errorf("want (-), queued (+):\n%s", diff)
	}
}

// at fails the test unless the position is the given one.
func (r *reading) at(want string) {
	r.t.Helper()
	if got := r.tracker.Position(); got != want {
		r.t.Errorf("position %q, want %q", got, want)
	}
}

// saw fails the test unless that many Events were observed.
func (r *reading) saw(want int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) != want {
		r.t.Errorf("seen: %q, want %d", r.seen, want)
	}
}

// failed fails the test unless that many failures were counted.
func (r *reading) failed(want int) {
	r.t.Helper()
	if got := testutil.ToFloat64(r.metrics.errors); int(got) != want {
		r.t.Errorf("%v failures counted, want %d", got, want)
	}
}

// reported fails the test unless the Source reported just this of its reading.
func (r *reading) reported(want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.reports); diff != "" {
		r.t.Errorf("reported of reading (-want +got):\n%s", diff)
	}
}

// isListed reports whether the first list has ended.
func (r *reading) isListed() bool {
	select {
	case <-r.Listed():
		return true
	default:
		return false
	}
}

func TestSourceLists(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		start   string
		answers []answer
		want    []string
		err     string
		// continues are the tokens that were sent.
		continues []string
		// position is the one before anything is built, and after everything is.
		before, after string
		seen          int
	}{
		"accepted Events of all pages are queued": {
			start: "10",
			answers: []answer{
				page("90", "next", accepted("a", "20"), rejected("b", "30")),
				page("90", "", rejected("c", "40"), accepted("d", "15")),
			},
			want: []string{"a@20", "d@15"}, continues: []string{"", "next"}, before: "14", after: "90", seen: 4,
		},
		"versions at or below the position are skipped, in any order": {
			start:   "20",
			answers: []answer{page("90", "", accepted("a", "30"), accepted("b", "20"), accepted("c", "9"), accepted("d", "21"))},
			want:    []string{"a@30", "d@21"}, continues: []string{""}, before: "20", after: "90", seen: 2,
		},
		"without a position all Events are read": {
			answers: []answer{page("90", "", accepted("a", "30"))},
			want:    []string{"a@30"}, continues: []string{""}, before: "29", after: "90", seen: 1,
		},
		"a list whose continue token expired starts over, and no Event is observed twice": {
			start: "10",
			answers: []answer{
				page("90", "next", accepted("a", "20"), rejected("b", "30")), expired(),
				page("95", "next", accepted("a", "20"), accepted("b", "92")), page("95", "", accepted("d", "94")),
			},
			want: []string{"a@20", "b@92", "d@94"}, continues: []string{"", "next", "", "next"}, before: "19", after: "95", seen: 4,
		},
		"an Event that was deleted before the list starts over is still built": {
			start:   "10",
			answers: []answer{page("90", "next", accepted("a", "20")), expired(), page("95", "")},
			want:    []string{"a@20"}, continues: []string{"", "next", ""}, before: "19", after: "95", seen: 1,
		},
		"a list that expires again and again ends in the informer's backoff": {
			start: "10",
			answers: []answer{
				page("90", "next", accepted("a", "20")), expired(), page("91", "next"), expired(), page("92", "next"), expired(),
			},
			want: []string{"a@20"}, err: "the provided continue parameter is too old",
			continues: []string{"", "next", "", "next", "", "next"}, before: "10", after: "10", seen: 1,
		},
		"a list that fails half way does not move the position": {
			start:   "10",
			answers: []answer{page("90", "next", accepted("a", "20"), rejected("b", "30")), {err: errors.New("connection refused")}},
			want:    []string{"a@20"}, err: "connection refused", continues: []string{"", "next"}, before: "10", after: "10", seen: 2,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{answers: tc.answers}
			r := newReading(t, s, tc.start)
			if r.isListed() {
				t.Error("the first list has ended before it began")
			}
			_, err := r.list(t.Context(), metav1.ListOptions{ResourceVersion: "0"})
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || err.Error() != tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			r.wants(tc.want...)
			var continues []string
			for _, o := range s.asked {
				continues = append(continues, o.Continue)
				if o.ResourceVersion != "" || o.Limit == 0 || o.FieldSelector != "type=Warning" {
					t.Errorf("asked with %+v, want the latest in pages", o)
				}
			}
			if !slices.Equal(continues, tc.continues) {
				t.Errorf("continue tokens %q, want %q", continues, tc.continues)
			}
			r.at(tc.before)
			for _, e := range r.taken() {
				_, version, _ := strings.Cut(e, "@")
				r.tracker.Done(version)
			}
			r.at(tc.after)
			r.saw(tc.seen)
			if !r.isListed() {
				t.Error("the first list has not ended")
			}
			if tc.err == "" {
				r.failed(0)
				r.reported() // the watch is what counts
			} else {
				r.failed(1) // however many attempts there were
				r.reported(tc.err)
			}
		})
	}
}

func TestPagesGrowAndShrink(t *testing.T) {
	t.Parallel()
	events := func(n, size int) []*corev1.Event {
		all := make([]*corev1.Event, n)
		for i := range all {
			all[i] = rejected(fmt.Sprint("e", i), fmt.Sprint(100+i))
			all[i].Message = strings.Repeat("x", size)
		}
		return all
	}
	s := &server{}
	var want []int64
	for _, p := range []struct{ n, size, next int }{
		{8, 100, 16},
		{16, 100, 32},
		{32, 100, 64},
		{64, 100, 128},
		{128, 100, 256},
		{256, 100, 500},
		{500, 100, 500},
		{500, 1 << 20, 1},
		{1, 1 << 20, 1},
		{1, 100, 2},
		{2, 300 << 10, 3},
		{3, 300 << 10, 3},
		{0, 0, 3},
	} {
		s.answers = append(s.answers, page("900", "next", events(p.n, p.size)...))
		want = append(want, int64(p.next))
	}
	s.answers = append(s.answers, page("900", ""))
	want = append([]int64{firstPage}, want...)
	r := newReading(t, s, "10")
	if _, err := r.list(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, o := range s.asked {
		got = append(got, o.Limit)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page sizes want (-), got (+):\n%s", diff)
	}
}

func TestAnEventIsTrimmedAndDoesNotKeepItsPage(t *testing.T) {
	t.Parallel()
	long := accepted("a", "20")
	long.Message = strings.Repeat("x", 1<<20)
	s := &server{answers: []answer{page("90", "", long)}}
	r := newReading(t, s, "10")
	onPage := s.answers[0].page
	if _, err := r.list(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	e := r.builds[0].Event
	if e == &onPage.Items[0] {
		t.Error("the Event keeps its page in memory")
	}
	if len(e.Message) > event.MaxMessage+100 || len(e.ManagedFields) != 0 {
		t.Errorf("queued with a message of %d bytes and %d managedFields, want it cut", len(e.Message), len(e.ManagedFields))
	}
}

func TestAnEventIsTrimmedBeforeItsVerdict(t *testing.T) {
	t.Parallel()
	e := accepted("a", "20")
	e.Message = strings.Repeat("x", event.MaxMessage) + "beyond"
	r := newReading(t, &server{answers: []answer{page("90", "", e)}}, "10")
	r.use("project: a/b\nfilters: [{expression: 'event.message.contains(\"beyond\")', action: accept}]\n")
	if _, err := r.list(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	r.wants()
	r.saw(1)
}

// watched is a reading whose watch a test sends to and receives from.
type watched struct {
	*reading
	feed   *feed
	stream watch.Interface
}

// again starts another watch, as the informer does after one that broke.
func (w *watched) again(options metav1.ListOptions) {
	w.t.Helper()
	if w.stream != nil {
		w.stream.Stop()
	}
	w.feed = newFeed()
	w.server.feed = w.feed
	var err error
	if w.stream, err = w.watch(w.t.Context(), options); err != nil {
		w.t.Fatal(err)
	}
}

// send sends a watch event. It returns when it was handled.
func (w *watched) send(t watch.EventType, e *corev1.Event) {
	w.feed.events <- watch.Event{Type: t, Object: e}
	synctest.Wait()
}

// sends fails the test unless the informer receives exactly these.
func (w *watched) sends(want string) {
	w.t.Helper()
	got := "nothing"
	synctest.Wait()
	select {
	case shown, open := <-w.stream.ResultChan():
		e, ok := shown.Object.(*corev1.Event)
		switch {
		case !open:
			got = "the end"
		case ok:
			got = fmt.Sprintf("%s %s@%s", shown.Type, e.Name, e.ResourceVersion)
		default:
			got = string(shown.Type)
		}
		synctest.Wait()
	default:
	}
	if got != want {
		w.t.Errorf("the informer receives %s, want %s", got, want)
	}
}

func TestSourceWatches(t *testing.T) {
	t.Parallel()
	initial := true
	streamed := metav1.ListOptions{SendInitialEvents: &initial}
	bookmark := func(version string) *corev1.Event {
		e := versioned("", version)
		e.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		return e
	}
	tests := map[string]struct {
		options metav1.ListOptions
		test    func(w *watched)
	}{
		"an accepted Event is queued and holds the position until it is built": {test: func(w *watched) {
			w.send(watch.Added, accepted("a", "20"))
			w.sends("nothing")
			w.wants("a@20")
			w.at("19")
			w.tracker.Done("20")
			w.at("20")
		}},
		"a rejected Event moves the position": {test: func(w *watched) {
			w.send(watch.Added, rejected("a", "20"))
			w.sends("nothing")
			w.wants()
			w.at("20")
		}},
		"a version that a resumed watch sends again is handled once": {test: func(w *watched) {
			w.send(watch.Added, rejected("a", "20"))
			w.send(watch.Added, accepted("b", "21"))
			w.again(metav1.ListOptions{ResourceVersion: "10"})
			w.send(watch.Added, rejected("a", "20"))
			w.send(watch.Added, accepted("b", "21"))
			w.tracker.Done("21")
			w.send(watch.Added, accepted("b", "21"))
			w.wants("b@21")
			w.saw(2)
		}},
		"an update is decided again": {test: func(w *watched) {
			w.send(watch.Added, rejected("a", "20"))
			w.send(watch.Modified, accepted("a", "21"))
			w.wants("a@21")
			w.saw(2)
		}},
		"the list at that moment decides": {test: func(w *watched) {
			w.send(watch.Added, rejected("a", "20"))
			w.use("project: c/d\ncommitRef: refs/heads/next\nfilters: [{kind: Job, action: accept}]\n")
			w.send(watch.Added, rejected("b", "21"))
			w.send(watch.Added, accepted("c", "22"))
			w.wants("b@21")
			if b := w.builds[0]; b.CommitRef != "refs/heads/next" || b.By != "filters[0]" || !strings.HasPrefix(b.ProjectID, "brigade-") || len(b.ID) != 26 {
				w.t.Errorf("build %+v", b)
			}
		}},
		"a bookmark is passed on and moves the position": {test: func(w *watched) {
			w.send(watch.Bookmark, versioned("", "50"))
			w.sends("BOOKMARK @50")
			w.at("50")
		}},
		"a deletion moves the position and is not observed": {test: func(w *watched) {
			w.send(watch.Deleted, accepted("a", "20"))
			w.sends("nothing")
			w.wants()
			w.at("20")
			w.saw(0)
		}},
		"an error is passed on and does not move the position": {test: func(w *watched) {
			w.feed.events <- watch.Event{Type: watch.Error, Object: &metav1.Status{Code: 410, Message: "too old"}}
			w.sends("ERROR")
			w.at("10")
			w.failed(1)
			w.reported("watching", "too old")
		}},
		"a watch that ends sends a bookmark of its last version": {test: func(w *watched) {
			w.send(watch.Added, accepted("a", "20"))
			w.send(watch.Added, rejected("b", "21"))
			close(w.feed.events)
			w.sends("BOOKMARK @21")
			w.sends("the end")
		}},
		"a watch that ends at once sends no bookmark": {test: func(w *watched) {
			close(w.feed.events)
			w.sends("the end")
			w.failed(0)
			w.reported("watching")
		}},
		"a streamed list has no order, and moves the position at its end": {options: streamed, test: func(w *watched) {
			w.send(watch.Added, accepted("a", "30"))
			w.send(watch.Added, rejected("b", "20"))
			w.send(watch.Added, accepted("c", "9")) // done before
			w.at("10")
			w.reported()
			w.send(watch.Added, accepted("d", "15"))
			w.sends("nothing")
			w.wants("a@30", "d@15")
			if w.isListed() {
				w.t.Error("the list has ended before its bookmark")
			}
			w.send(watch.Bookmark, bookmark("40"))
			w.sends("BOOKMARK @40")
			if !w.isListed() {
				w.t.Error("the list has not ended with its bookmark")
			}
			w.reported("watching")
			w.at("14")
			w.tracker.Done("15")
			w.at("29")
			w.tracker.Done("30")
			w.at("40")
			w.saw(3)
			w.send(watch.Added, rejected("e", "41"))
			w.at("41")
		}},
		"a streamed list that breaks starts over": {options: streamed, test: func(w *watched) {
			w.send(watch.Added, accepted("a", "30"))
			close(w.feed.events)
			w.sends("the end")
			w.failed(1)
			if !w.isListed() {
				w.t.Error("the first list has failed, and Listed is not closed")
			}
			w.reported("the watch ended before all existing Events were sent")
			w.again(streamed)
			w.send(watch.Added, accepted("a", "30"))
			w.send(watch.Bookmark, bookmark("40"))
			w.sends("BOOKMARK @40")
			w.wants("a@30")
			w.tracker.Done("30")
			w.at("40")
			w.saw(1)
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &watched{reading: newReading(t, &server{}, "10")}
				w.again(tc.options)
				defer func() { w.stream.Stop() }()
				tc.test(w)
			})
		})
	}
}

func TestARefusedWatch(t *testing.T) {
	t.Parallel()
	initial := true
	tests := map[string]struct {
		err    error
		listed bool
	}{
		"by a server that does not stream lists: it lists in pages": {apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil), false},
		"for any other reason": {apierrors.NewForbidden(corev1.Resource("events"), "", errors.New("no right")), true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReading(t, &server{refuses: tc.err}, "10")
			if _, err := r.watch(t.Context(), metav1.ListOptions{SendInitialEvents: &initial}); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			r.failed(1)
			r.reported(tc.err.Error())
			if r.isListed() != tc.listed {
				t.Errorf("the first list has ended: %t, want %t", r.isListed(), tc.listed)
			}
		})
	}
}
