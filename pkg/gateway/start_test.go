package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// current is the version of the fake cluster's history.
const current = "100"

// newCluster returns a fake API server that has the position ConfigMap with the
// given data, or no ConfigMap if it is nil.
func newCluster(data map[string]string) *fake.Clientset {
	var objects []runtime.Object
	if data != nil {
		objects = append(objects, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "brigade", Name: "position", ResourceVersion: "7"}, Data: data,
		})
	}
	client := fake.NewClientset(objects...)
	client.PrependReactor("list", "events", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, &corev1.EventList{ListMeta: metav1.ListMeta{ResourceVersion: current}}, nil
	})
	client.PrependWatchReactor("events", func(kubetesting.Action) (bool, watch.Interface, error) {
		feed := watch.NewFakeWithChanSize(1, false)
		feed.Action(watch.Bookmark, &corev1.Event{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: current, Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}})
		return true, feed, nil
	})
	return client
}

// newTestTerm returns a term of a Gateway that watches one namespace and stores its
// position.
func newTestTerm(t *testing.T, client *fake.Clientset, output io.Writer, change func(*Options)) *term {
	t.Helper()
	g := newGateway(t, client, output)
	g.options.Scopes = []position.Scope{"pequod"}
	g.options.Position = Object{Namespace: "brigade", Name: "position"}
	if change != nil {
		change(&g.options)
	}
	return newTerm(g, delivery.NewDestinations(delivery.Options{Limits: g.config.Load().Limits, Log: g.log, Metrics: g.metrics.delivery}, []delivery.Destination{{Name: delivery.Brigade}}))
}

// storedPosition returns the data of the position ConfigMap.
func storedPosition(t *testing.T, client *fake.Clientset) string {
	t.Helper()
	stored, err := client.CoreV1().ConfigMaps("brigade").Get(t.Context(), "position", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "no ConfigMap"
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(stored.Data)
}

func TestEachScopeStartsAtItsPosition(t *testing.T) {
	t.Parallel()
	replay := func(o *Options) { o.ReplayExisting = true }
	tests := map[string]struct {
		stored map[string]string
		change func(*Options)
		start  string
		output string
		saved  string
	}{
		"nothing stored: existing Events are skipped": {
			nil, nil, current, "no stored position, skipping existing Events", "map[namespace.pequod:100]",
		},
		"an empty ConfigMap, as the first chart made it": {
			map[string]string{}, nil, current, "no stored position, skipping existing Events", "map[namespace.pequod:100]",
		},
		"nothing stored and --replay-existing": {
			nil, replay, "", "no stored position, replaying existing Events", "map[namespace.pequod:0]",
		},
		"a stored position": {
			map[string]string{"namespace.pequod": "50"}, nil, "50", "watching Events from stored position", "map[namespace.pequod:50]",
		},
		"a stored position goes before --replay-existing": {
			map[string]string{"namespace.pequod": "50"}, replay, "50", "watching Events from stored position", "map[namespace.pequod:50]",
		},
		"a scope in which nothing was done": {
			map[string]string{"namespace.pequod": "0"}, nil, "", "watching Events from stored position", "map[namespace.pequod:0]",
		},
		"a scope never watched starts at the lowest position": {
			map[string]string{"namespace.essex": "40", "namespace.rachel": "60"},
			nil, "40", "watching Events from stored position",
			"map[namespace.essex:40 namespace.pequod:40 namespace.rachel:60]",
		},
		"a position ahead of the cluster": {
			map[string]string{"namespace.pequod": "500"}, nil, "", "stored position is ahead of the cluster, reading all Events", "map[namespace.pequod:0]",
		},
		"a dry run reads the position and does not write it": {
			map[string]string{"namespace.pequod": "50"}, func(o *Options) { o.DryRun = true }, "50", "watching Events from stored position", "map[namespace.pequod:50]",
		},
		"a dry run without a position writes none": {
			nil, func(o *Options) { o.DryRun = true }, current, "no stored position, skipping existing Events", "no ConfigMap",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var output bytes.Buffer
			client := newCluster(tc.stored)
			term := newTestTerm(t, client, &output, tc.change)
			if err := term.restorePositions(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := term.trackers["pequod"].Position(); got != tc.start {
				t.Errorf("starts above %q, want %q", got, tc.start)
			}
			if !strings.Contains(output.String(), tc.output) {
				t.Errorf("the log does not say %q:\n%s", tc.output, output.String())
			}
			if got := storedPosition(t, client); got != tc.saved {
				t.Errorf("stored %s, want %s", got, tc.saved)
			}
		})
	}
}

func TestATermStartsWhereTheOneBeforeEnded(t *testing.T) {
	t.Parallel()
	term := newTestTerm(t, newCluster(nil), &bytes.Buffer{}, func(o *Options) { o.Position = Object{} })
	term.gateway.reached = position.Positions{"pequod": "70"}
	if err := term.restorePositions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := term.trackers["pequod"].Position(); got != "70" {
		t.Errorf("starts above %q, want 70", got)
	}
}

func TestAPositionThatCannotBeReadEndsTheStart(t *testing.T) {
	t.Parallel()
	term := newTestTerm(t, newCluster(map[string]string{"namespace.pequod": "yesterday"}), &bytes.Buffer{}, nil)
	err := term.restorePositions(t.Context())
	if _, invalid := errors.AsType[*position.InvalidError](err); !invalid || !IsFinal(err) {
		t.Errorf("error %v, want one that a retry does not heal", err)
	}
}

func TestAStartStepThatFailsIsRetriedAndReported(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("no Role grants it"))
	tests := map[string]struct {
		verb, resource  string
		err             error
		blocked, output string
	}{
		"listing Events": {
			"list", "events", forbidden,
			`not watching Events yet: list Events in namespace pequod: events is forbidden: no Role grants it`,
			`hint="grant the ServiceAccount the right named in the error"`,
		},
		"reading the position": {
			"get", "configmaps", apierrors.NewUnauthorized("token expired"),
			`not watching Events yet: read the position: reading position from configmap brigade/position: token expired`,
			`hint="check the token or certificate of the kubeconfig or ServiceAccount"`,
		},
		"saving the position": {
			"create", "configmaps", apierrors.NewServiceUnavailable("etcd is down"),
			`not watching Events yet: save the position: saving position to configmap brigade/position: etcd is down`,
			`hint="check that the API server is up and reachable"`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var output bubbletest.Log
				client := newCluster(nil)
				fails := failing(client, tc.verb, tc.resource, tc.err)
				fails.Store(true)
				term := newTestTerm(t, client, &output, nil)
				ended := make(chan error, 1)
				go func() { ended <- term.restorePositions(t.Context()) }()
				bubbletest.Pass(time.Minute)
				if _, err := term.gateway.Ready(); err == nil || err.Error() != tc.blocked {
					t.Errorf("not ready because %v, want %s", err, tc.blocked)
				}
				if !strings.Contains(output.String(), tc.output) || !strings.Contains(output.String(), "startup step failed, retrying") {
					t.Errorf("the log does not say %s:\n%s", tc.output, output.String())
				}
				fails.Store(false)
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if got := storedPosition(t, client); got != "map[namespace.pequod:100]" {
					t.Errorf("stored %s once the API server answers", got)
				}
			})
		})
	}
}

// sinkFunc is a Sink.
type sinkFunc func(delivery.Build) (delivery.Outcome, error)

func (f sinkFunc) Write(_ context.Context, b delivery.Build) (delivery.Outcome, error) { return f(b) }

// ignoring is a Tracker and a Reporter that does nothing.
type ignoring struct{}

func (ignoring) Done(string)         {}
func (ignoring) Warn(string, string) {}

func TestAStoredPositionEmptiesTheBucket(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stored map[string]string
		built  int
	}{
		"nothing stored: the burst is available":                 {nil, 3},
		"a stored position: the process before may have used it": {map[string]string{"namespace.pequod": "50"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				built := 0
				term := newTestTerm(t, newCluster(tc.stored), &bytes.Buffer{}, nil)
				sink := sinkFunc(func(delivery.Build) (delivery.Outcome, error) { built++; return delivery.Created, nil })
				term.queue = delivery.NewDestinations(delivery.Options{
					Limits: term.config.Limits, Workers: 1, Log: term.log, Metrics: term.gateway.metrics.delivery, Reporter: ignoring{},
				}, []delivery.Destination{{Name: delivery.Brigade, Sink: sink}})
				if err := term.restorePositions(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, id := range []string{"a", "b", "c"} {
					e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "pequod", Name: id, ResourceVersion: "101"}}
					term.queue.Add(delivery.Build{ID: id, Event: e}, ignoring{})
				}
				ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer stop()
				term.queue.Run(ctx)
				if built != tc.built {
					t.Errorf("%d builds created at once, want %d", built, tc.built)
				}
			})
		})
	}
}
