package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

func (p *place) deletePosition() {
	p.tb.Helper()
	p.must(p.client.CoreV1().ConfigMaps(p.builds).Delete(p.tb.Context(), positionName, metav1.DeleteOptions{}))
}

// createPosition creates the ConfigMap, with the given data or without.
func (p *place) createPosition(data map[string]string) {
	p.tb.Helper()
	_, err := p.client.CoreV1().ConfigMaps(p.builds).Create(p.tb.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: positionName}, Data: data,
	}, metav1.CreateOptions{})
	p.must(err)
}

// setPosition stores a position as an operator would.
func (p *place) setPosition(value string) {
	p.tb.Helper()
	p.deletePosition()
	p.createPosition(map[string]string{"namespace." + p.watched: value})
}

// TestPositionDeleted deletes the position under a running gateway that may create it.
// The gateway writes it again when the position moves, and nothing is lost then, not
// even by kill -9.
func TestPositionDeleted(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "position-deleted")
	p.grant("create", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}})
	g := p.begin()
	for range rounds(1) {
		p.someMore()
		p.deletePosition()
		p.someMore()
		p.awaitPosition("1")
		g.Kill()
		p.someMore()
		g = p.start()
		g.Ready() // before the next round: the position is in the process
	}
	p.finish("", g)
}

// TestPositionLostWhileNothingHappens deletes the position of an idle gateway, whose
// position does not move.
func TestPositionLostWhileNothingHappens(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(p *place){
		"deleted": func(p *place) {
			p.grant("create", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}})
			p.deletePosition()
		},
		"emptied": func(p *place) { p.changePosition(func(c *corev1.ConfigMap) { c.Data = nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "position-idle-"+name)
			g := p.start()
			g.Ready()
			last := p.occur(p.podEvent("last"))
			p.awaitPosition(last.ResourceVersion)
			lose(p)
			controlplane.Eventually(t, func(ctx context.Context) error {
				stored, err := p.position(ctx)
				if err == nil && !reached(stored, last.ResourceVersion) {
					err = fmt.Errorf("the position is %q, want at least %s", stored, last.ResourceVersion)
				}
				return err
			})
		})
	}
}

// TestPositionDeletedUnderTheChartsRights deletes the position under a gateway that may
// not create it. The gateway logs that, continues, and stores its position after an
// operator has created an empty ConfigMap.
func TestPositionDeletedUnderTheChartsRights(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "position-emptied")
	g := p.begin(elected...)
	for range rounds(1) {
		p.someMore()
		p.deletePosition()
		p.someMore()
		g.Wait("that it cannot save the position", func(r daemon.Record) bool {
			return r.Message() == "saving position failed, retrying" && strings.Contains(r.String("err"), "forbidden")
		})
		p.someMore()
		p.createPosition(nil)
		p.awaitPosition("1")
		p.someMore()
		g.Kill()
		p.someMore()
		g = p.start(elected...)
		g.Ready() // before the next round: the position is in the process
	}
	p.finish("", g)
}

// TestPositionDeletedWhileStopped is the one way to lose Events: those that occur while
// no gateway runs and no position is stored are skipped.
func TestPositionDeletedWhileStopped(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "position-gone")
	g := p.start()
	g.Ready()
	before := p.occur(p.podEvent("before"))
	p.awaitPosition(before.ResourceVersion)
	g.Stop()
	p.deletePosition()
	p.createPosition(nil)
	p.occur(p.podEvent("meanwhile"))
	g = p.start()
	g.Ready()
	logged(t, g, "that it skips existing Events", daemon.WithMessage("no stored position, skipping existing Events"))
	after := p.occur(p.podEvent("after"))
	p.awaitPosition(after.ResourceVersion)
	p.report(3, p.ledger.compare(named(before, after), nil), "")
}

// named returns Events as what is expected.
func named(events ...*corev1.Event) map[string]string {
	due := map[string]string{}
	for _, e := range events {
		due[string(e.UID)] = e.Name
	}
	return due
}

func TestPositionThatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "position-unreadable")
	p.setPosition("yesterday")
	for _, flags := range [][]string{nil, elected} {
		g := p.start(flags...)
		if code := g.Exit(); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		want := fmt.Sprintf(`position in configmap %[1]s/%[2]s, key "namespace.%[3]s", is not a resourceVersion: "yesterday"; `+
			`to reset it and skip existing Events, run: kubectl patch configmap --namespace %[1]s %[2]s --type=merge --patch '{"data":null}'`,
			p.builds, positionName, p.watched)
		if !strings.Contains(g.Log(), want) {
			t.Errorf("no %q in:\n%s", want, g.Log())
		}
	}
}

func TestPositionAheadOfTheCluster(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "position-ahead")
	before := p.occur(p.podEvent("before"))
	p.setPosition("999999999999")
	g := p.start()
	g.Ready()
	logged(t, g, "that the position is ignored", func(r daemon.Record) bool {
		return r.Message() == "stored position is ahead of the cluster, reading all Events" &&
			r.String("level") == "WARN" && r.String("position") == "999999999999"
	})
	after := p.occur(p.podEvent("after"))
	controlplane.Eventually(t, func(context.Context) error {
		if len(p.ledger.seen()) < 2 {
			return fmt.Errorf("the events that came before and after are not built")
		}
		return nil
	})
	g.Stop()
	stored, err := p.position(t.Context())
	p.must(err)
	if stored == "999999999999" || !reached(stored, after.ResourceVersion) {
		t.Errorf("position %s, want the cluster's own", stored)
	}
	p.report(2, p.ledger.compare(named(before, after), nil), "")
}

// TestFirstStart has Events that exist before the first start. They are skipped, except
// one that recurs afterwards and is built once.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "first-start")
	p.occur(p.podEvent("old"))
	recurring := p.occur(p.podEvent("recurring"))
	g := p.start()
	g.Ready()
	last := ""
	for count := range int32(3) {
		o := &occurrence{name: "recurring"}
		stored, err := o.recur(t.Context(), p.client, p.watched, recurring.LastTimestamp.Time, count+2)
		p.must(err)
		last = stored.GetResourceVersion()
		if count == 0 {
			p.awaitPosition(last)
			g.Kill()
			g = p.start()
			g.Ready()
		}
	}
	p.awaitPosition(last)
	p.report(2, p.ledger.compare(named(recurring), nil), "")
}

// TestReplay builds the Events from before the first start, once, also
// if every start has --replay-existing.
func TestReplay(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "replay")
	a, b := p.occur(p.podEvent("a")), p.occur(p.podEvent("b"))
	for range 2 {
		g := p.start("--replay-existing")
		g.Ready()
		p.awaitPosition(b.ResourceVersion)
		g.Stop()
	}
	p.report(2, p.ledger.compare(named(a, b), nil), "")
	p.deletePosition() // and again, with nothing but the names to tell
	p.createPosition(nil)
	c := p.occur(p.podEvent("c"))
	p.start("--replay-existing")
	p.awaitPosition(c.ResourceVersion)
	p.report(3, p.ledger.compare(named(a, b, c), nil), "")
}
