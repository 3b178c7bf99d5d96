package simulation

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
)

// model is a model API server and the clients of one process.
type model struct {
	*Server
	process *process
	gateway.Options
	began time.Time
}

// newModel returns a model without faults in which one process leads.
func newModel(t *testing.T, o ServerOptions, json bool) *model {
	t.Helper()
	if o.EventTTL == 0 {
		o.EventTTL = time.Hour
	}
	o.BuildNamespace = "brigade"
	s := NewServer(o, &trace{})
	s.brigade.longest = time.Second
	p := &process{server: s, name: "one", identity: "one"}
	options, err := p.options(json)
	if err != nil {
		t.Fatal(err)
	}
	s.record.lead(p, time.Now())
	return &model{Server: s, process: p, Options: options, began: time.Now()}
}

// event writes an Event as a reporter in the cluster does.
func (m *model) event(namespace, name string, count int32) {
	s := &simulation{server: m.Server}
	e := plannedEvent{namespace: namespace, name: name, kind: "Pod", reason: "BackOff", object: "web-0"}
	if count > 1 {
		s.countEvent(e, count)
		return
	}
	s.createEvent(e)
}

// fault injects a fault for a minute from now on.
func (m *model) fault(kind faultKind) {
	m.faults = append(m.faults, &fault{kind: kind, from: time.Now(), until: time.Now().Add(time.Minute), share: 1})
}

// secret returns a build Secret whose payload says the given text.
func secret(payload string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "brigade", Name: "a", Labels: map[string]string{"build": "a"}},
		Data:       map[string][]byte{"payload": []byte(payload)},
	}
}

// TestServer checks that the model behaves as a real API server, through the clients
// that the gateway uses.
func TestServer(t *testing.T) {
	create := metav1.CreateOptions{}
	tests := map[string]func(ctx context.Context, t *testing.T, m *model){
		"a build Secret is created once": func(ctx context.Context, t *testing.T, m *model) {
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create); !apierrors.IsAlreadyExists(err) {
				t.Errorf("the second create gave %v", err)
			}
		},
		"a dry run stores nothing": func(ctx context.Context, t *testing.T, m *model) {
			for range 2 {
				if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
					t.Fatal(err)
				}
			}
		},
		"a Secret cannot be read": func(ctx context.Context, t *testing.T, m *model) {
			if _, err := m.Core.Secrets("brigade").Get(ctx, "a", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
				t.Errorf("got %v", err)
			}
		},
		"a Secret that is wrong is refused with the field, and one that is too large with 413": func(ctx context.Context, t *testing.T, m *model) {
			_, err := m.Core.Secrets("brigade").Create(ctx, secret(invalidMark), create)
			if status := statusOf(err); !apierrors.IsInvalid(err) || status.Details.Causes[0].Field != "data" {
				t.Errorf("a wrong one gave %v", err)
			}
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(tooLargeMark), create); !apierrors.IsRequestEntityTooLargeError(err) {
				t.Errorf("a large one gave %v", err)
			}
		},
		"a policy denies with 422 and no field": func(ctx context.Context, t *testing.T, m *model) {
			m.fault(denied422)
			_, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create)
			if status := statusOf(err); !apierrors.IsInvalid(err) || status.Details.Causes[0].Field != "" {
				t.Errorf("got %v", err)
			}
		},
		"of two writers of one version of a ConfigMap the second has a conflict": func(ctx context.Context, t *testing.T, m *model) {
			maps := m.Core.ConfigMaps("brigade")
			made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "brigade", Name: "c"}}, create)
			if err != nil {
				t.Fatal(err)
			}
			made.Data = map[string]string{"a": "1"}
			if _, err := maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := maps.Update(ctx, made, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				t.Errorf("the second update gave %v", err)
			}
			got, err := maps.Get(ctx, "c", metav1.GetOptions{})
			if err != nil || got.Data["a"] != "1" {
				t.Errorf("got %v, %v", got, err)
			}
		},
		"pages of a list show one moment, until it is compacted": func(ctx context.Context, t *testing.T, m *model) {
			for _, name := range []string{"a", "b", "c"} {
				m.event("team-a", name, 1)
			}
			first, err := m.Core.Events("").List(ctx, metav1.ListOptions{Limit: 2})
			if err != nil || len(first.Items) != 2 {
				t.Fatalf("the first page: %v, %v", first, err)
			}
			m.event("team-a", "bb", 1)
			m.event("team-a", "c", 2)
			second, err := m.Core.Events("").List(ctx, metav1.ListOptions{Limit: 2, Continue: first.Continue})
			if err != nil || len(second.Items) != 1 || second.Items[0].Count != 1 || second.ResourceVersion != first.ResourceVersion || second.Continue != "" {
				t.Errorf("the second page: %v, %v", second, err)
			}
			m.history.compact(m.history.version)
			if _, err := m.Core.Events("").List(ctx, metav1.ListOptions{Limit: 2, Continue: first.Continue}); !apierrors.IsResourceExpired(err) {
				t.Errorf("after the compaction: %v", err)
			}
		},
		"a watch continues from a version, and not from one that was compacted": func(ctx context.Context, t *testing.T, m *model) {
			m.event("team-a", "a", 1)
			from := m.history.version
			m.event("team-a", "a", 2)
			m.event("team-b", "b", 1)
			w := m.watchEvents(ctx, t, "team-a", metav1.ListOptions{ResourceVersion: version(from), AllowWatchBookmarks: true})
			m.expect(t, w, "MODIFIED a")
			m.expect(t, w, "BOOKMARK ")
			m.history.compact(m.history.version)
			if _, err := m.Core.Events("").Watch(ctx, metav1.ListOptions{ResourceVersion: version(from)}); !apierrors.IsResourceExpired(err) {
				t.Errorf("after the compaction: %v", err)
			}
		},
		"a watch that falls behind a compaction ends with 410": func(ctx context.Context, t *testing.T, m *model) {
			m.fault(frozen)
			w := m.watchEvents(ctx, t, "", metav1.ListOptions{ResourceVersion: version(m.history.version)})
			m.event("team-a", "a", 1)
			m.event("team-a", "b", 1)
			m.history.compact(m.history.version)
			m.faults = nil
			if got := <-w.ResultChan(); got.Type != watch.Error || !apierrors.IsResourceExpired(apierrors.FromObject(got.Object)) {
				t.Errorf("got %v", got)
			}
		},
		"a frozen watch brings nothing, and is given up before a minute is over": func(ctx context.Context, t *testing.T, m *model) {
			w := m.watchEvents(ctx, t, "", metav1.ListOptions{ResourceVersion: version(m.history.version)})
			m.fault(frozen)
			m.event("team-a", "a", 1)
			if got := <-w.ResultChan(); got.Type != watch.Error {
				t.Errorf("got %v", got)
			}
			if after := time.Since(m.began); after < longestHang || after > time.Minute {
				t.Errorf("given up after %s", after)
			}
		},
		"a streamed list ends with a marked bookmark": func(ctx context.Context, t *testing.T, m *model) {
			m.event("team-a", "a", 1)
			m.event("team-a", "b", 1)
			initial := true
			w := m.watchEvents(ctx, t, "", metav1.ListOptions{
				SendInitialEvents: &initial, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true,
			})
			m.expect(t, w, "ADDED a")
			m.expect(t, w, "ADDED b")
			m.expect(t, w, "BOOKMARK  end")
			m.event("team-a", "b", 2)
			m.expect(t, w, "MODIFIED b")
		},
		"a server without streamed lists says so": func(ctx context.Context, t *testing.T, m *model) {
			m.options.NoWatchList = true
			initial := true
			_, err := m.Core.Events("").Watch(ctx, metav1.ListOptions{SendInitialEvents: &initial, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
			if !apierrors.IsInvalid(err) {
				t.Errorf("got %v", err)
			}
		},
		"a field selector selects Events": func(ctx context.Context, t *testing.T, m *model) {
			m.event("team-a", "a", 1)
			for selector, want := range map[string]int{"reason=BackOff,involvedObject.kind!=Node": 1, "reason!=BackOff": 0, "source=kubelet": 1} {
				list, err := m.Core.Events("").List(ctx, metav1.ListOptions{FieldSelector: selector})
				if err != nil || len(list.Items) != want {
					t.Errorf("%s: got %v, %v", selector, list, err)
				}
			}
			if _, err := m.Core.Events("").List(ctx, metav1.ListOptions{FieldSelector: "message=x"}); !apierrors.IsBadRequest(err) {
				t.Errorf("an unknown field gave %v", err)
			}
		},
		"an Event expires when it was not written for its time": func(ctx context.Context, t *testing.T, m *model) {
			m.event("team-a", "a", 1)
			time.Sleep(40 * time.Minute) // fake clock
			m.event("team-a", "a", 2)
			time.Sleep(40 * time.Minute) // fake clock
			w := m.watchEvents(ctx, t, "", metav1.ListOptions{ResourceVersion: version(m.history.version)})
			m.expect(t, w, "DELETED a")
			if after := time.Since(m.began); after.Round(time.Minute) != 100*time.Minute {
				t.Errorf("expired after %s", after)
			}
		},
		"a worker pod appears, and leaves the selection when it ends": func(ctx context.Context, t *testing.T, m *model) {
			w, err := m.Metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace("brigade").Watch(ctx, metav1.ListOptions{
				LabelSelector: "heritage=brigade,component=build", FieldSelector: "status.phase!=Succeeded,status.phase!=Failed",
			})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create); err != nil {
				t.Fatal(err)
			}
			m.expect(t, w, "ADDED a")
			if after := time.Since(m.began); after > appearWithin {
				t.Errorf("appeared after %s", after)
			}
			m.expect(t, w, "MODIFIED a")
			m.expect(t, w, "DELETED a")
		},
		"an answer is lost, and what was asked for was done": func(ctx context.Context, t *testing.T, m *model) {
			m.fault(lost)
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create); err == nil {
				t.Error("the answer was not lost")
			}
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create); !apierrors.IsAlreadyExists(err) {
				t.Errorf("the second create gave %v", err)
			}
		},
		"a request hangs until its deadline": func(ctx context.Context, t *testing.T, m *model) {
			m.fault(silent)
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if _, err := m.Core.Events("").List(ctx, metav1.ListOptions{}); err == nil || time.Since(m.began).Round(time.Second) != 10*time.Second {
				t.Errorf("got %v after %s", err, time.Since(m.began))
			}
		},
		"client-go retries 429 by itself, and it counts as one call": func(ctx context.Context, t *testing.T, m *model) {
			m.fault(throttled)
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create); !apierrors.IsTooManyRequests(err) {
				t.Errorf("got %v", err)
			}
			if n := len(m.record.attempts); n != 1 {
				t.Errorf("counted %d attempts", n)
			}
		},
		"a killed process reaches nothing": func(ctx context.Context, t *testing.T, m *model) {
			m.process.cancel = func() {}
			m.process.kill()
			if _, err := m.Core.Secrets("brigade").Create(ctx, secret(""), create); err == nil || len(m.record.created) > 0 {
				t.Errorf("got %v", err)
			}
		},
		"a watch of a history that went back is deaf, and a list is refused": func(ctx context.Context, t *testing.T, m *model) {
			s := &simulation{server: m.Server}
			s.backup()
			m.event("team-a", "a", 1)
			m.event("team-a", "b", 1)
			ahead := version(m.history.version)
			s.restore()
			w := m.watchEvents(ctx, t, "", metav1.ListOptions{ResourceVersion: ahead})
			m.event("team-a", "c", 1)
			m.event("team-a", "d", 1)
			m.event("team-a", "e", 1)
			m.expect(t, w, "ADDED e")
			s.backup()
			m.event("team-a", "f", 1)
			ahead = version(m.history.version)
			s.restore()
			_, err := m.Core.Events("").List(ctx, metav1.ListOptions{ResourceVersion: ahead, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
			if !apierrors.IsTimeout(err) || !apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge) {
				t.Errorf("got %v", err)
			}
		},
		"a Lease can be watched by its name": func(ctx context.Context, t *testing.T, m *model) {
			w, err := m.Coordination.Leases("brigade").Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=mine"})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			for _, name := range []string{"other", "mine"} {
				if _, err := m.Coordination.Leases("brigade").Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "brigade", Name: name}}, create); err != nil {
					t.Fatal(err)
				}
			}
			m.expect(t, w, "ADDED mine")
		},
	}
	for name, test := range tests {
		for _, format := range []string{"protobuf", "JSON"} {
			t.Run(name+", in "+format, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					test(ctx, t, newModel(t, ServerOptions{}, format == "JSON"))
				})
			})
		}
	}
}

// TestInformer checks that the model has what an informer needs, with streamed lists
// and without.
func TestInformer(t *testing.T) {
	for name, noWatchList := range map[string]bool{"streamed lists": false, "lists in pages": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(t, ServerOptions{NoWatchList: noWatchList}, false)
				m.event("team-a", "a", 1)
				lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
					ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
						return m.Core.Events("").List(ctx, o)
					},
					WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
						return m.Core.Events("").Watch(ctx, o)
					},
				}, m.Core)
				informer := cache.NewSharedIndexInformer(lw, &corev1.Event{}, 0, cache.Indexers{})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					informer.RunWithContext(ctx)
				}()
				time.Sleep(time.Second) // fake clock
				m.event("team-a", "b", 1)
				m.fault(refused)
				time.Sleep(2 * time.Minute) // fake clock
				m.event("team-a", "c", 1)
				time.Sleep(time.Second) // fake clock
				if keys := informer.GetStore().ListKeys(); len(keys) != 3 {
					t.Errorf("the informer has %v", keys)
				}
				cancel()
				<-ended
			})
		})
	}
}

// watchEvents watches Events until the test ends.
func (m *model) watchEvents(ctx context.Context, t *testing.T, namespace string, o metav1.ListOptions) watch.Interface {
	t.Helper()
	w, err := m.Core.Events(namespace).Watch(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

// expect reads one event of a watch: its type, the name of its object, and "end" if it
// marks the end of a streamed list.
func (m *model) expect(t *testing.T, w watch.Interface, want string) {
	t.Helper()
	got, open := <-w.ResultChan()
	if !open {
		t.Fatalf("the watch ended, want %s", want)
	}
	o, ok := got.Object.(metav1.Object)
	if !ok {
		t.Fatalf("got %v, want %s", got, want)
	}
	text := string(got.Type) + " " + o.GetName()
	if o.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
		text += " end"
	}
	if text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func version(v int64) string {
	return strconv.FormatInt(v, 10)
}
