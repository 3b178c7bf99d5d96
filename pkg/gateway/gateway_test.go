package gateway

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

// parse returns the Config of a filter file.
func parse(t *testing.T, file string) *config.Config {
	t.Helper()
	c, err := config.Parse("filters.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	acceptPods = "project: a/b\nfilters: [{kind: Pod, action: accept}]\n"
	capped     = "project: a/b\nlimits: {activeBuilds: 5}\nfilters: [{kind: Pod, action: accept}]\n"
)

// newGateway returns a Gateway with a fake API server.
func newGateway(t *testing.T, client *fake.Clientset, output io.Writer) *Gateway {
	t.Helper()
	return New(Options{
		Config: parse(t, acceptPods), Core: client.CoreV1(), Coordination: client.CoordinationV1(), Authorization: client.AuthorizationV1(),
		BuildNamespace: "brigade", Lease: Object{Namespace: "brigade", Name: "gateway"}, Identity: "this",
		Connectivity: &Connectivity{}, Log: slog.New(slog.NewTextHandler(output, nil)), Registerer: prometheus.NewRegistry(),
	})
}

func TestApply(t *testing.T) {
	t.Parallel()
	const missing = `limits.activeBuilds needs the right to watch pods in namespace brigade, to count the workers: ` +
		`add to the account's Role there: apiGroups: [""], resources: [pods], verbs: [list, watch]; or set limits.activeBuilds to 0`
	tests := map[string]struct {
		file string
		// review is the API server's answer about the right to watch pods.
		review  func() (allowed bool, err error)
		err     string
		final   bool
		applied bool
	}{
		"a file that needs no right":           {acceptPods, nil, "", false, true},
		"a file whose right is there":          {capped, func() (bool, error) { return true, nil }, "", false, true},
		"a file whose right is missing":        {capped, func() (bool, error) { return false, nil }, missing, true, false},
		"a file whose right cannot be checked": {capped, func() (bool, error) { return false, errors.New("no answer") }, "checking the right to list pods in namespace brigade: no answer", false, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			client.PrependReactor("create", "selfsubjectaccessreviews", func(action kubetesting.Action) (bool, runtime.Object, error) {
				review := action.(kubetesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
				allowed, err := tc.review()
				review.Status.Allowed = allowed || review.Spec.ResourceAttributes.Verb == "list"
				return true, review, err
			})
			g := newGateway(t, client, &bytes.Buffer{})
			before, c := g.config.Load(), parse(t, tc.file)
			err := g.Apply(t.Context(), c)
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || err.Error() != tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if IsFinal(err) != tc.final {
				t.Errorf("final: %t, want %t", IsFinal(err), tc.final)
			}
			want, generation := before, 1.0
			if tc.applied {
				want, generation = c, 2
			}
			if g.config.Load() != want || g.decider.Load().Filters != want.Filters {
				t.Errorf("the file is in use: %t, want %t", g.config.Load() == c, tc.applied)
			}
			if got := testutil.ToFloat64(g.metrics.generation); got != generation {
				t.Errorf("generation %v, want %v", got, generation)
			}
			if len(g.changed) == 1 != tc.applied {
				t.Errorf("%d changes to take up", len(g.changed))
			}
		})
	}
}

func TestSeveralChangesAreOne(t *testing.T) {
	t.Parallel()
	g := newGateway(t, fake.NewClientset(), &bytes.Buffer{})
	for range 3 {
		if err := g.Apply(t.Context(), parse(t, acceptPods)); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.changed) != 1 {
		t.Errorf("%d changes to take up, want one that finds the last file", len(g.changed))
	}
}

func TestARefusedFileShowsInMetrics(t *testing.T) {
	t.Parallel()
	g := newGateway(t, fake.NewClientset(), &bytes.Buffer{})
	good := func(want float64) {
		t.Helper()
		if got := testutil.ToFloat64(g.metrics.reloadGood); got != want {
			t.Errorf("last reload successful: %v, want %v", got, want)
		}
	}
	good(1)
	g.Refuse(errors.New("a fault"))
	good(0)
	if err := g.Apply(t.Context(), parse(t, acceptPods)); err != nil {
		t.Fatal(err)
	}
	good(1)
}

func TestReady(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps func(g *Gateway)
		after time.Duration
		notes []string
		err   string
	}{
		"before the Events are watched": {func(*Gateway) {}, 0, nil, "not watching Events yet"},
		"while they are":                {func(g *Gateway) { g.synced.Store(true) }, time.Hour, nil, ""},
		"with a position that cannot be saved": {func(g *Gateway) {
			g.synced.Store(true)
			g.metrics.unsaved.Store(time.Now().UnixNano())
		}, 90 * time.Second, []string{"the position has not been saved for 1m30s: see the log"}, ""},
		"while a startup step fails": {func(g *Gateway) {
			g.metrics.reading.failed("pequod", "no right")
		}, 0, nil, "not watching Events yet: no right"},
		"while the first of two scopes cannot be read, for a while": {func(g *Gateway) {
			g.synced.Store(true)
			g.metrics.reading.failed("pequod", "no right")
			g.metrics.reading.failed("essex", "no answer")
			g.metrics.reading.watched("essex")
		}, maxFault, nil, ""},
		"while the first of two scopes cannot be read, for long": {func(g *Gateway) {
			g.synced.Store(true)
			g.metrics.reading.failed("pequod", "")
			g.metrics.reading.failed("pequod", "no right")
			g.metrics.reading.failed("essex", "no answer")
			g.metrics.reading.watched("essex")
		}, 2 * time.Minute, nil, "not watching Events for 2m0s: no right"},
		"when another replica leads after that": {func(g *Gateway) {
			g.synced.Store(true)
			g.metrics.reading.failed("pequod", "no right")
			g.metrics.reading.clear()
		}, 2 * time.Minute, nil, ""},
		"while the Lease cannot be written, for a while": {func(g *Gateway) {
			g.synced.Store(true)
			g.leaseFault.Store(&fault{since: time.Now(), why: "no right"})
		}, maxFault, nil, ""},
		"while the Lease cannot be written, for long": {func(g *Gateway) {
			g.synced.Store(true)
			g.leaseFault.Store(&fault{since: time.Now(), why: "no right"})
		}, 2 * time.Minute, nil, "the Lease could not be read or written for 2m0s: no right"},
		"while builds are paused": {func(g *Gateway) {
			g.synced.Store(true)
			c := config.Observe()
			c.Limits.Paused = true
			g.use(c)
		}, 0, []string{"paused: no build is created"}, ""},
		"without an answer for a while": {func(g *Gateway) {
			g.synced.Store(true)
			g.options.Connectivity.since.Store(time.Now().UnixNano())
		}, maxFault, nil, ""},
		"without an answer for long": {func(g *Gateway) {
			g.synced.Store(true)
			g.options.Connectivity.since.Store(time.Now().UnixNano())
		}, 2 * time.Minute, nil, "the API server has not answered for 2m0s"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, fake.NewClientset(), &bytes.Buffer{})
				tc.steps(g)
				time.Sleep(tc.after) // fake clock
				notes, err := g.Ready()
				if !slices.Equal(notes, tc.notes) {
					t.Errorf("notes %q, want %q", notes, tc.notes)
				}
				if tc.err == "" && err != nil || tc.err != "" && (err == nil || err.Error() != tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
			})
		})
	}
}

func TestConnectivityKnowsSinceWhenNoRequestIsAnswered(t *testing.T) {
	t.Parallel()
	var fault error
	connectivity := &Connectivity{}
	transport := connectivity.Wrap(roundTripper(func(*http.Request) (*http.Response, error) { return nil, fault }))
	ask := func() time.Duration {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://k8s", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err == nil && response != nil {
			_ = response.Body.Close()
		}
		return connectivity.Unanswered(time.Now().Add(time.Minute))
	}
	if lost := ask(); lost != 0 {
		t.Errorf("lost for %s after an answer, want 0", lost)
	}
	fault = errors.New("connection refused")
	if first, second := ask(), ask(); first < time.Minute || second < time.Minute {
		t.Errorf("lost for %s and %s, want since the first failure", first, second)
	}
	fault = nil
	if lost := ask(); lost != 0 {
		t.Errorf("lost for %s after another answer, want 0", lost)
	}
}

func TestChoicesThatUsersMayNotWantAreLogged(t *testing.T) {
	t.Parallel()
	var output bytes.Buffer
	g := newGateway(t, fake.NewClientset(), &output)
	g.options.DryRun, g.options.AllowBrigadeEvents = true, true
	g.config.Store(config.Observe())
	g.logChoices()
	for _, want := range []string{
		`level=WARN msg="dry run" hint="builds are validated and not created`,
		`level=WARN msg="loop guard disabled" hint="a filter that accepts the pods of builds `,
		`level=WARN msg="position not stored" hint="Events that occur while the gateway is down are not built; `,
		`level=INFO msg="no filters" hint="every Event is logged and none is built"`,
	} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("no line %s in:\n%s", want, output.String())
		}
	}
}
