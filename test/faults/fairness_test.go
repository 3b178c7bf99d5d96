package faults

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// fair has two namespaces, one with many more Events than the other, and a gateway
// that watches both and cannot write yet.
type fair struct {
	*place
	gateway *daemon.Daemon
	quiet   string
	restore func()
}

// newFair returns a gateway with the given limits and flags.
func newFair(t *testing.T, name, limits string, flags ...string) *fair {
	t.Helper()
	f := &fair{place: newPlace(t, name)}
	f.quiet = f.watched + "-quiet"
	f.must(f.plane.CreateNamespace(t.Context(), f.quiet))
	f.filter(paced("buildsPerMinute: 1000000, burst: 1000000" + limits))
	f.restore = f.removeRights()
	f.gateway = f.start(append(flags, listening, "--namespace", f.quiet)...)
	f.gateway.Ready()
	return f
}

// TestAFloodDropsNoBuildOfAnotherNamespace has one namespace fill the queue. Another
// one, with less than half of the queue's length, loses nothing: the newest builds of
// the flood are dropped.
func TestAFloodDropsNoBuildOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	f := newFair(t, "flood", ", queued: 100")
	flood := f.podEvents(f.watched, "flood", 120)
	f.gateway.AwaitMetric(20, "builds_total", `outcome="dropped"`)
	quiet := f.podEvents(f.quiet, "quiet", 50)
	f.gateway.AwaitMetric(170, "events_total", `verdict="accept"`)
	f.restore()
	f.gateway.AwaitMetric(0, "queue_depth")
	f.gateway.AwaitMetric(70, "builds_total", `outcome="dropped"`)
	f.report(170, f.ledger.compare(named(append(quiet, flood[:50]...)...), nil), " dropped=70")
}

// TestAQuietNamespaceWaitsForOneTurnOfTheOthers has a quiet namespace come after a
// busy one. Its builds are created in turn.
func TestAQuietNamespaceWaitsForOneTurnOfTheOthers(t *testing.T) {
	t.Parallel()
	// With one worker, Secrets are created in the order of the queue.
	f := newFair(t, "turns", "", "--workers", "1")
	flood := f.podEvents(f.watched, "flood", 40)
	quiet := f.podEvents(f.quiet, "quiet", 3)
	f.gateway.AwaitMetric(43, "queue_depth")
	f.restore()
	f.gateway.AwaitMetric(0, "queue_depth")
	f.report(43, f.ledger.compare(named(append(flood, quiet...)...), nil), "")
	turn := 0
	for i, e := range f.built() {
		if e.Namespace != f.quiet {
			continue
		}
		turn++
		// One build of the flood was taken before the others were queued.
		if latest := 2*turn + 1; i+1 > latest {
			t.Errorf("build %d of the quiet namespace is number %d of all, want no later than %d", turn, i+1, latest)
		}
	}
}

// built returns the Events of the builds in the order of creation.
func (p *place) built() []*corev1.Event {
	p.tb.Helper()
	secrets := p.ledger.secrets()
	slices.SortFunc(secrets, func(a, b corev1.Secret) int { return inOrder(a.ResourceVersion, b.ResourceVersion) })
	events := make([]*corev1.Event, len(secrets))
	for i := range secrets {
		var err error
		events[i], err = payload(&secrets[i])
		p.must(err)
	}
	return events
}

// TestAFullQueueKeepsTheOldest has more builds at the start than fit into the queue.
// The newest are dropped, in any order of names.
func TestAFullQueueKeepsTheOldest(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "oldest")
	p.filter(paced("buildsPerMinute: 1000000, burst: 1000000, queued: 10"))
	restore := p.removeRights()
	var events []*corev1.Event
	for _, number := range p.dice.Perm(40) {
		events = append(events, p.occur(p.podEvent(fmt.Sprintf("n-%03d", number))))
	}
	g := p.start("--replay-existing", listening)
	g.AwaitMetric(30, "builds_total", `outcome="dropped"`)
	restore()
	g.AwaitMetric(0, "queue_depth")
	p.report(40, p.ledger.compare(named(events[:10]...), nil), " dropped=30")
}
