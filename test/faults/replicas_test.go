package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// elected has the flags of leader election.
var elected = []string{"--leader-elect", "--leader-elect-lease", leaseName}

func (p *place) lease(ctx context.Context) (*coordinationv1.Lease, error) {
	return p.client.CoordinationV1().Leases(p.builds).Get(ctx, leaseName, metav1.GetOptions{})
}

// leads waits until the gateway leads, and returns its identity.
func leads(g *daemon.Daemon) string {
	return g.Wait("that it leads", daemon.WithMessage("leading")).String("identity")
}

func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "leader-killed")
	leader := p.begin(elected...)
	leads(leader)
	standby := p.start(elected...)
	var longest time.Duration
	for range rounds(1) {
		standby.Wait("that it stands by", daemon.WithMessage("standing by"))
		p.someMore()
		if n := len(standby.Records(daemon.WithMessage("leading"))); n != 0 {
			t.Errorf("the standby led %d times beside the leader", n)
		}
		leader.Kill()
		killed := time.Now()
		leads(standby)
		longest = max(longest, time.Since(killed))
		p.someMore()
		leader, standby = standby, p.start(elected...)
	}
	// The Lease's 15 s and one retry, and a margin for a busy machine.
	if longest > 45*time.Second {
		t.Errorf("the standby took over after %s, want the lease time", longest)
	}
	p.finish(fmt.Sprintf(" takeover=%s", longest.Round(100*time.Millisecond)), standby, leader)
}

func TestLeaderTerminated(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "leader-sigterm")
	leader := p.begin(elected...)
	identity := leads(leader)
	standby := p.start(elected...)
	for range rounds(2) {
		standby.Wait("that it stands by", daemon.WithMessage("standing by"))
		p.someMore()
		leader.Stop()
		// At once, because the Lease was released and does not have to expire.
		lease, err := p.lease(t.Context())
		p.must(err)
		if holder := lease.Spec.HolderIdentity; holder != nil && *holder == identity {
			t.Errorf("the lease is still held by %s, which has ended", identity)
		}
		identity = leads(standby)
		p.someMore()
		leader, standby = standby, p.start(elected...)
	}
	p.finish("", standby, leader)
}

func TestLeaseTakenAway(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "lease-taken")
	g := p.begin(elected...)
	identity := leads(g)
	for range rounds(1) {
		p.someMore()
		led := len(g.Records(daemon.WithMessage("leading")))
		// Another holder has the Lease, as after a long pause of the leader's process,
		// for longer than the renew deadline of 10 s.
		p.holdLease("stranger", 12*time.Second)
		p.awaitMore(g, "leading", led)
	}
	if n := len(g.Records(daemon.WithMessage("standing by"))); n == 0 {
		t.Errorf("%s did not see that it had lost the lease", identity)
	}
	p.finish("", g)
}

// holdLease gives the Lease to another holder, which does not renew it.
func (p *place) holdLease(another string, long time.Duration) {
	p.tb.Helper()
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		lease, err := p.lease(ctx)
		if err != nil {
			return err
		}
		now, seconds := metav1.NewMicroTime(time.Now()), int32(long.Seconds())
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = &another, &seconds
		lease.Spec.AcquireTime, lease.Spec.RenewTime = &now, &now
		_, err = p.client.CoordinationV1().Leases(p.builds).Update(ctx, lease, metav1.UpdateOptions{})
		return err
	})
}

// awaitMore waits until the gateway has logged the message more than n times.
func (p *place) awaitMore(g *daemon.Daemon, message string, n int) {
	p.tb.Helper()
	controlplane.Eventually(p.tb, func(context.Context) error {
		if got := len(g.Records(daemon.WithMessage(message))); got <= n {
			return fmt.Errorf("the gateway logged %q %d times, want more than %d", message, got, n)
		}
		return nil
	})
}

// TestPositionWrittenByAnother has another gateway write a lower position. The leader
// gives up the lead, and leads again from that position.
func TestPositionWrittenByAnother(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "position-fenced")
	g := p.begin(elected...)
	leads(g)
	for range rounds(1) {
		p.someMore()
		p.awaitPosition("1")
		stored, err := p.position(t.Context())
		p.must(err)
		p.someMore()
		p.awaitPosition(p.writer.version())
		led := len(g.Records(daemon.WithMessage("leading")))
		p.changePosition(func(c *corev1.ConfigMap) { c.Data["namespace."+p.watched] = stored })
		p.awaitMore(g, "leading", led)
	}
	logged(t, g, "that it gives up the lead", daemon.WithMessage("position was written by another gateway, giving up the lead"))
	p.finish("", g)
}

// changePosition changes the ConfigMap of the position while a gateway writes it too.
func (p *place) changePosition(change func(*corev1.ConfigMap)) {
	p.tb.Helper()
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		stored, err := p.client.CoreV1().ConfigMaps(p.builds).Get(ctx, positionName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(stored)
		_, err = p.client.CoreV1().ConfigMaps(p.builds).Update(ctx, stored, metav1.UpdateOptions{})
		return err
	})
}

// TestPositionRelabeled changes the labels and annotations of the position's
// ConfigMap, as an upgrade of the chart does. The position stays the same, so the
// leader keeps leading and does not start again.
func TestPositionRelabeled(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "position-labeled")
	g := p.begin(append(elected, listening)...)
	leads(g)
	for round := range rounds(3) {
		p.someMore()
		p.changePosition(func(c *corev1.ConfigMap) {
			c.Labels = map[string]string{"helm.sh/chart": fmt.Sprint("brigade-k8s-gateway-", round)}
			c.Annotations = map[string]string{"changed-by": fmt.Sprint("another ", round)}
		})
		p.someMore()
		p.awaitPosition(p.writer.version())
	}
	if led, watched := len(g.Records(daemon.WithMessage("leading"))), len(g.Records(daemon.WithMessage("watching"))); led != 1 || watched != 1 {
		t.Errorf("the gateway led %d times and began to watch %d times, want once each", led, watched)
	}
	p.finish("", g)
	stored, err := p.client.CoreV1().ConfigMaps(p.builds).Get(t.Context(), positionName, metav1.GetOptions{})
	p.must(err)
	if len(stored.Labels) == 0 || len(stored.Annotations) == 0 {
		t.Errorf("labels %v and annotations %v, want those of the upgrade", stored.Labels, stored.Annotations)
	}
}

// TestALeaderThatLostTheLeadHasNothingWaiting ends the lead of a gateway with waiting
// builds, which the next leader creates.
func TestALeaderThatLostTheLeadHasNothingWaiting(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "lost-lead")
	p.filter(paced("buildsPerMinute: 1, burst: 1"))
	g := p.start(append(elected, listening)...)
	leads(g)
	g.Ready()
	p.podEvents(p.watched, "n", 5)
	g.AwaitMetric(1, "held_back", `limit="buildsPerMinute"`)
	g.AwaitMetric(5, "events_total")
	p.holdLease("stranger", 2*time.Minute)
	g.AwaitMetric(0, "leader")
	m := g.Metrics()
	for _, name := range []string{"queue_depth", "queue_oldest_seconds", "held_back", "position_age_seconds"} {
		if value := m.Of(name); value != 0 {
			t.Errorf("%s is %g in a replica that does not lead, want 0", name, value)
		}
	}
}

func TestBothLead(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "both-lead")
	a := p.begin("--leader-elect=false")
	b := p.start("--leader-elect=false")
	b.Ready()
	taken := func(r daemon.Record) bool {
		return r.Message() == "position was written by another gateway, starting again from it"
	}
	for range rounds(2) {
		p.someMore()
		a.Kill()
		a, b = b, p.start("--leader-elect=false")
	}
	p.someMore()
	controlplane.Eventually(t, func(context.Context) error {
		if len(a.Records(taken))+len(b.Records(taken)) == 0 {
			return fmt.Errorf("neither gateway has noticed the other")
		}
		return nil
	})
	p.finish("", a, b)
}
