package faults

import (
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestUpdatesOfAWaitingEventTakeNoMemory updates an Event whose build waits so often
// that copies of the updates would show in the memory in use.
func TestUpdatesOfAWaitingEventTakeNoMemory(t *testing.T) {
	t.Parallel()
	const (
		updates, message = 1000, 12 << 10
		// growth is the limit: a sixth of the text of all updates.
		growth = updates * message / 6
	)
	p := newPlace(t, "updated")
	p.removeRights()
	g := p.start(listening, "--pprof")
	g.Ready()
	e := p.podEvent("updated")
	e.Message = strings.Repeat("x", message)
	e = p.occur(e)
	p.update(e.Name, 20) // so that buffers have their size
	g.AwaitMetric(21, "events_total")
	before := liveMemory(t, g)
	p.update(e.Name, updates)
	g.AwaitMetric(21+updates, "events_total")
	g.AwaitMetric(1, "queue_depth")
	if grown := liveMemory(t, g) - before; grown > growth {
		t.Errorf("%d updates of %d KiB took %.0f KiB, want no more than %d", updates, message>>10, grown/1024, growth>>10)
	}
}

// update changes an Event n times without a new build.
func (p *place) update(name string, n int) {
	p.tb.Helper()
	var lanes sync.WaitGroup
	for range 10 {
		lanes.Go(func() {
			for range n / 10 {
				patch := `{"lastTimestamp":"` + time.Now().UTC().Format(time.RFC3339) + `","metadata":{"labels":{"at":"` + time.Now().Format("150405.000000000") + `"}}}`
				_, err := p.client.CoreV1().Events(p.watched).Patch(p.tb.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
				if err != nil {
					p.tb.Error(err)
					return
				}
			}
		})
	}
	lanes.Wait()
	if p.tb.Failed() {
		p.tb.FailNow()
	}
}

// liveMemory returns how many bytes of the gateway's heap are in use after the garbage
// collection of a heap profile.
func liveMemory(t *testing.T, g *daemon.Daemon) float64 {
	t.Helper()
	if _, err := controlplane.Get(t.Context(), "http://"+g.Address()+"/debug/pprof/heap?gc=1"); err != nil {
		t.Fatalf("a heap profile: %v", err)
	}
	return g.Metrics()["go_memstats_heap_alloc_bytes"]
}
