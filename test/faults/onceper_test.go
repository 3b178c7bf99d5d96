package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// oncePerFilters build every occurrence of Events about Jobs, and Events about pods
// once in ten minutes for each object and reason.
const oncePerFilters = unlimited + `
filters:
  - kind: Job
    action: accept
    oncePer: occurrence
  - kind: Pod
    action: accept
    oncePer: 10m
`

// TestOncePer has Events of both Event APIs recur while one of two gateways, which both
// act as leader, is killed again and again. An Event recurs after the previous
// occurrence has been built, because occurrences that an update replaced before they
// were read are not tested here.
func TestOncePer(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "once-per")
	p.filter(oncePerFilters)
	a, b := p.start(), p.start()
	a.Ready()
	b.Ready()
	o := &oncePer{place: p, dice: p.dice, due: map[string]string{}}
	for range rounds(2) {
		for range 4 {
			o.happen()
			a.Kill()
			a = p.start()
			a, b = b, a
		}
	}
	for _, g := range []*daemon.Daemon{a, b} {
		g.Ready()
	}
	o.happen()
	p.awaitPosition(o.last)
	a.Stop()
	b.Stop()
	p.report(o.writes, p.ledger.compareBy(perOccurrenceOrWindow, o.due, nil), "")
}

// perOccurrenceOrWindow returns the identities of oncePerFilters.
func perOccurrenceOrWindow(e *corev1.Event) string {
	if e.InvolvedObject.Kind == "Job" {
		return fmt.Sprintf("%s %d", e.UID, event.Count(e))
	}
	window := event.Occurred(e).UTC().Truncate(10 * time.Minute)
	return fmt.Sprintf("%s %s %s", e.InvolvedObject.Name, e.Reason, window.Format(time.RFC3339))
}

// oncePer creates Events of four kinds about a few objects.
type oncePer struct {
	*place
	dice   *rand.Rand
	due    map[string]string
	last   string
	writes int
	events []*series
}

// series is an Event that recurs.
type series struct {
	occurrence
	at     time.Time
	stored *corev1.Event
}

// happen writes a few Events and lets each recur a few times, and records
// the builds expected for it. It waits for each build before the next
// occurrence of the same Event replaces it.
func (o *oncePer) happen() {
	o.tb.Helper()
	// An hour ago, so that nothing is in the future.
	start := time.Now().UTC().Truncate(10 * time.Minute).Add(-time.Hour)
	for range 4 {
		n := len(o.events)
		s := &series{at: start.Add(time.Duration(o.dice.IntN(600)) * time.Second)}
		s.name, s.modern = fmt.Sprintf("n-%05d", n), n%2 == 0
		s.kind, s.reason = []string{"Job", "Pod"}[n/2%2], []string{"BackOff", "Failed"}[o.dice.IntN(2)]
		o.events = append(o.events, s)
	}
	for range 3 {
		for _, s := range o.events[max(0, len(o.events)-6):] {
			o.awaitBuild(s)
			s.count++
			s.at = s.at.Add(time.Duration(o.dice.IntN(300)) * time.Second)
			o.write(s)
		}
	}
}

// awaitBuild waits until the latest occurrence of s has been built.
func (o *oncePer) awaitBuild(s *series) {
	o.tb.Helper()
	if s.count == 0 {
		return
	}
	want := perOccurrenceOrWindow(s.stored)
	controlplane.Eventually(o.tb, func(context.Context) error {
		for _, e := range o.ledger.seen() {
			if perOccurrenceOrWindow(e) == want {
				return nil
			}
		}
		return fmt.Errorf("%s is not built", want)
	})
}

// object is the object of s. The Events are about few objects, so that they share
// windows.
func (o *oncePer) object(s *series) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: "v1", Kind: s.kind, Namespace: o.watched, Name: "web-" + s.name[len(s.name)-1:]}
}

// write writes the next occurrence of s through its API, and reads it back as the
// gateway sees it.
func (o *oncePer) write(s *series) {
	o.tb.Helper()
	ctx, meta := o.tb.Context(), metav1.ObjectMeta{Namespace: o.watched, Name: s.name}
	var err error
	switch {
	case s.count > 1:
		_, err = s.recur(ctx, o.client, o.watched, s.at, s.count)
	case s.modern:
		_, err = o.client.EventsV1().Events(o.watched).Create(ctx, &eventsv1.Event{
			ObjectMeta: meta, EventTime: metav1.NewMicroTime(s.at), Regarding: o.object(s), Reason: s.reason, Action: "Testing",
			Type: corev1.EventTypeNormal, ReportingController: "test/faults", ReportingInstance: "faults-0",
		}, metav1.CreateOptions{})
	default:
		_, err = o.client.CoreV1().Events(o.watched).Create(ctx, &corev1.Event{
			ObjectMeta: meta, FirstTimestamp: metav1.NewTime(s.at), LastTimestamp: metav1.NewTime(s.at), Count: 1, InvolvedObject: o.object(s),
			Reason: s.reason, Type: corev1.EventTypeNormal, Source: corev1.EventSource{Component: "test-faults"},
		}, metav1.CreateOptions{})
	}
	o.must(err)
	s.stored, err = o.client.CoreV1().Events(o.watched).Get(ctx, s.name, metav1.GetOptions{})
	o.must(err)
	o.writes++
	o.last = s.stored.ResourceVersion
	// The time and count are computed here and not by pkg/event.
	id := fmt.Sprintf("%s %d", s.stored.UID, s.count)
	if s.kind == "Pod" {
		id = fmt.Sprintf("%s %s %s", o.object(s).Name, s.reason, s.at.Truncate(10*time.Minute).Format(time.RFC3339))
	}
	o.due[id] = s.name
}
