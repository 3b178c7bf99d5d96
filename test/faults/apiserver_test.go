package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestAPIServer breaks the control plane, one fault after the other. It has its own.
func TestAPIServer(t *testing.T) {
	t.Parallel()
	plane := controlplane.StartForTest(t, controlplane.Options{})
	for _, fault := range []struct {
		name string
		test func(p *place)
	}{
		{"apiserver-stopped", apiServerStopped},
		{"apiserver-killed", apiServerKilled},
		{"apiserver-late", apiServerLate},
		{"watch-410", watchMeets410},
		{"continue-expired", continueTokenExpires},
	} {
		t.Run(fault.name, func(t *testing.T) { fault.test(newPlaceOn(t, plane, fault.name)) })
	}
}

// apiServerStopped stops the API server with SIGTERM.
func apiServerStopped(p *place) {
	g := p.begin(elected...)
	leads(g)
	for range rounds(1) {
		p.someMore()
		p.must(p.plane.StopAPIServer())
		p.away(outage())
		p.someMore()
	}
	p.finish("", g)
}

// apiServerKilled kills the API server.
func apiServerKilled(p *place) {
	g := p.begin()
	for range rounds(1) {
		p.someMore()
		p.plane.KillAPIServer()
		p.away(0)
		p.someMore()
	}
	p.finish("", g)
}

// away starts the API server again after the given time, which is the fault itself.
func (p *place) away(long time.Duration) {
	p.tb.Helper()
	if long > 0 {
		<-time.After(long)
	}
	p.must(p.plane.StartAPIServer(p.tb.Context()))
}

// watchMeets410 disconnects a gateway while etcd is compacted, so that its watch
// cannot be resumed.
func watchMeets410(p *place) {
	network := newProxy(p)
	g := p.begin()
	for range rounds(1) {
		from := ""
		for range resumeAttempts {
			if from = p.compactBehind(network); from != "" {
				break
			}
		}
		if from == "" {
			p.tb.Fatalf("the gateway did not try to resume its watch in any of %d cuts", resumeAttempts)
		}
		p.wantGone(from)
	}
	p.finish("", g)
}

// resumeAttempts limits how often a cut is repeated after which the gateway did not
// resume. A watch that ends by itself is resumed. But if a build is written during the
// cut, that write may fail first, and then client-go closes the connection, which is
// an error for the informer, which lists at once. That is about one cut in three.
const resumeAttempts = 20

// compactBehind disconnects the gateway, compacts the history from which its watch
// would resume, reconnects it, and waits until it has listed the Events again. It
// returns the resourceVersion from which it first tried to resume, or "".
func (p *place) compactBehind(network *proxy) string {
	p.tb.Helper()
	p.someMore()
	p.awaitPosition(p.writer.version()) // it has read this far
	n := len(network.since(0))
	network.refuse(true)
	p.someMore()
	p.must(p.plane.CompactEtcd(p.tb.Context()))
	p.someMore()
	network.refuse(false)
	controlplane.Eventually(p.tb, func(context.Context) error {
		if network.lists(n) == 0 {
			return fmt.Errorf("the gateway has not listed the Events again")
		}
		return nil
	})
	return network.resumed(n)
}

// lists counts the lists of Events since the n-th request, streamed ones included.
func (p *proxy) lists(n int) int {
	lists := 0
	for _, r := range p.since(n) {
		if r.events() && (r.query.Get("watch") != "true" && r.query.Get("continue") == "" || r.query.Get("sendInitialEvents") == "true") {
			lists++
		}
	}
	return lists
}

// resumed returns the resourceVersion of the first resumed watch since the n-th
// request.
func (p *proxy) resumed(n int) string {
	for _, r := range p.since(n) {
		if r.events() && r.query.Get("watch") == "true" && r.query.Get("sendInitialEvents") != "true" {
			return r.query.Get("resourceVersion")
		}
	}
	return ""
}

// wantGone fails the test unless a watch of Events from the given resourceVersion gets
// 410, without which there was no fault.
func (p *place) wantGone(version string) {
	p.tb.Helper()
	w, err := p.client.CoreV1().Events(p.watched).Watch(p.tb.Context(), metav1.ListOptions{ResourceVersion: version})
	if err == nil {
		defer w.Stop()
		first := <-w.ResultChan()
		if first.Type != watch.Error {
			p.tb.Errorf("a watch from %s begins with %s, want 410", version, first.Type)
			return
		}
		err = apierrors.FromObject(first.Object)
	}
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		p.tb.Errorf("a watch from %s meets %v, want 410", version, err)
	}
}

func (r request) events() bool {
	return r.method == http.MethodGet && len(r.path) > 7 && r.path[len(r.path)-7:] == "/events"
}

// noWatchList makes client-go list in pages, as with an API server that does not
// stream lists.
var noWatchList = []string{"KUBE_FEATURE_WatchListClient=false"}

// continueTokenExpires compacts etcd between two pages of the list that a gateway
// makes after an outage.
func continueTokenExpires(p *place) {
	network := newProxy(p)
	g := p.beginWith(noWatchList)
	for round := range rounds(1) {
		p.someMore()
		g.Kill()
		p.writer.many(round, 510) // more than a page
		var once sync.Once
		expired := make(chan error, 1)
		network.beforeEach(func(r *http.Request) {
			if r.URL.Query().Get("continue") != "" {
				once.Do(func() { expired <- p.expire() })
			}
		})
		n := len(network.since(0))
		g = p.startWith(noWatchList)
		g.Ready()
		network.beforeEach(nil)
		select {
		case err := <-expired:
			p.must(err)
		default:
			p.tb.Error("the gateway asked for no second page")
		}
		// One list at the start, one that failed, and one that started over.
		if lists := network.lists(n); lists < 3 {
			p.tb.Errorf("%d lists, want 3: the continue token did not expire", lists)
		}
	}
	p.finish("", g)
}

// expire removes all history.
func (p *place) expire() error {
	// The latest revision is not removed, so one more is written.
	newer := p.podEvent("")
	newer.GenerateName, newer.InvolvedObject.Kind = "newer-", "Node"
	_, err := p.client.CoreV1().Events(p.watched).Create(context.Background(), newer, metav1.CreateOptions{})
	return errors.Join(err, p.plane.CompactEtcd(context.Background()))
}

// many writes many Events at once, in addition to the steady ones.
func (w *writer) many(round, n int) {
	w.tb.Helper()
	written := make([]*occurrence, n)
	var lanes sync.WaitGroup
	for lane := range 16 {
		lanes.Go(func() {
			for i := lane; i < n; i += 16 {
				o := &occurrence{name: fmt.Sprintf("many-%d-%05d", round, i), kind: []string{"Pod", "Node"}[i%2], reason: "BackOff", count: 1}
				stored, err := o.create(w.tb.Context(), w.client, w.namespace)
				if err != nil {
					w.tb.Error(err)
					return
				}
				o.uid, o.version, o.due = stored.GetUID(), stored.GetResourceVersion(), o.accepts()
				written[i] = o
			}
		})
	}
	lanes.Wait()
	if w.tb.Failed() {
		w.tb.FailNow()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, written...)
}

// apiServerLate starts the gateway before the API server.
func apiServerLate(p *place) {
	g := p.begin()
	for range rounds(1) {
		p.someMore()
		g.Kill()
		p.must(p.plane.StopAPIServer())
		g = p.start(elected...)
		g.Wait("that it cannot reach the server", func(r daemon.Record) bool {
			return r.String("component") == "client-go" && r.String("err") != ""
		})
		p.away(0)
	}
	p.finish("", g)
}
