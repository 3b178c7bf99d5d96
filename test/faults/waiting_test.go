package faults

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// listening has the flags with which the gateway serves metrics on a free port.
const listening = "--listen=127.0.0.1:0"

// podEvents creates accepted Events, one after the other, and returns the stored ones.
func (p *place) podEvents(namespace, prefix string, n int) []*corev1.Event {
	p.tb.Helper()
	events := make([]*corev1.Event, n)
	for i := range events {
		e := p.podEvent(fmt.Sprintf("%s-%03d", prefix, i))
		e.Namespace, e.InvolvedObject.Namespace = namespace, namespace
		events[i] = p.occur(e)
	}
	return events
}

// TestWaitingBuildsSurviveAChangedFilterFile has five occurrences of one Event wait, of
// which the API server keeps only the last, when the filter file changes. All five are
// built, and none is read again.
func TestWaitingBuildsSurviveAChangedFilterFile(t *testing.T) {
	t.Parallel()
	const occurrences = 5
	p := newPlace(t, "waiting-reload")
	p.filter(oncePerFilters)
	restore := p.removeRights()
	g := p.start(listening)
	g.Ready()
	o := &occurrence{name: "recurring", kind: "Job", reason: "BackOff", count: 1}
	stored, err := o.create(t.Context(), p.client, p.watched)
	p.must(err)
	due := map[string]string{}
	for count := int32(1); ; count++ {
		due[fmt.Sprintf("%s %d", stored.GetUID(), count)] = fmt.Sprint("occurrence ", count)
		if count == occurrences {
			break
		}
		stored, err = o.recur(t.Context(), p.client, p.watched, time.Now(), count+1)
		p.must(err)
	}
	g.AwaitMetric(occurrences, "queue_depth")
	p.filter(oncePerFilters + "# A comment.\n")
	g.AwaitMetric(2, "config_generation")
	restore()
	p.awaitPosition(stored.GetResourceVersion())
	if read := g.Metrics().Of("events_total"); read != occurrences {
		t.Errorf("%g Events were read, want %d", read, occurrences)
	}
	p.report(occurrences, p.ledger.compareBy(perOccurrenceOrWindow, due, nil), "")
}

// TestWaitingBuildsSurviveTheLossOfThePosition deletes the stored position while builds
// wait. A gateway that gets SIGTERM stores it again, so that the next one builds what
// waited.
func TestWaitingBuildsSurviveTheLossOfThePosition(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(p *place){
		"deleted": func(p *place) {
			p.grant("create", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}})
			p.deletePosition()
		},
		// As `kubectl replace` and `helm upgrade --force-replace` do.
		"replaced": func(p *place) {
			p.deletePosition()
			p.createPosition(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const waiting = 25
			p := newPlace(t, "waiting-"+name)
			g := p.start(listening)
			g.Ready()
			// The position does not move any more from here on.
			p.awaitPosition(p.occur(p.nodeEvent("rejected")).ResourceVersion)
			restore := p.removeRights()
			events := p.podEvents(p.watched, "n", waiting)
			g.AwaitMetric(waiting, "queue_depth")
			lose(p)
			g.Stop()
			stored, err := p.position(t.Context())
			p.must(err)
			if stored == "" {
				t.Error("no position is stored after an orderly stop")
			}
			restore()
			p.start()
			p.awaitPosition(events[waiting-1].ResourceVersion)
			p.report(waiting+1, p.ledger.compare(named(events...), nil), "")
		})
	}
}

// TestANamespaceThatHasNothingDoneKeepsItsOwnPosition watches two namespaces. When the
// gateway is killed, everything in the first is done and nothing in the second. The
// next gateway must not use the first position for the second namespace.
func TestANamespaceThatHasNothingDoneKeepsItsOwnPosition(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "two-namespaces")
	second := p.watched + "-second"
	p.must(p.plane.CreateNamespace(t.Context(), second))
	restore := p.removeRights()
	accepted := p.podEvents(second, "n", 6)
	rejected := p.occur(p.nodeEvent("rejected"))
	flags := []string{"--namespace", second, "--replay-existing", listening}
	g := p.start(flags...)
	g.Ready()
	g.AwaitMetric(6, "queue_depth")
	p.awaitPosition(rejected.ResourceVersion)
	g.Kill()
	restore()
	p.start(flags...)
	last := p.podEvents(second, "last", 1)[0]
	p.awaitPositionOf(second, last.ResourceVersion)
	p.report(8, p.ledger.compare(named(append(accepted, last)...), nil), "")
}
