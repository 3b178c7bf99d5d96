package gateway

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// intake names the builds that one scope's accepted Events ask for. It stands
// on both sides of the informer: behind it, where it queues what the informer
// hands on, and ahead of it, where it tells the reader what there is room for.
// An Event that would be dropped later takes no memory meanwhile.
type intake struct {
	decider decide.Decider
	tracker *position.Tracker
	queue   *delivery.Queue
	// list is the list in progress, nil between lists. Lists and watches of one
	// reader follow each other, so nothing else guards it.
	list *listing
}

// listing is what a list that is in progress asks for. The informer hands
// nothing of it on before it has ended.
type listing struct {
	// builds are not known to the queue yet, by ID.
	builds map[string]struct{}
	// dropped is how many Events there was no room for, and last the build of
	// one of them.
	dropped int
	last    delivery.Build
}

// beginList begins a list. One that was begun and not ended has failed, and
// comes to nothing.
func (i *intake) beginList() {
	i.list = &listing{builds: map[string]struct{}{}}
}

// endList ends a list. What it dropped is dropped now.
func (i *intake) endList() {
	if i.list != nil && i.list.dropped > 0 {
		i.queue.Drop(i.list.last, i.list.dropped)
	}
	i.list = nil
}

// hasRoom tells whether the queue will take the build of e, which was accepted
// with the given verdict. Where it will not, the build is dropped.
func (i *intake) hasRoom(e *corev1.Event, verdict filter.Verdict) bool {
	b := newBuild(e, verdict)
	known, left := i.queue.Room(b.ID)
	if i.list == nil {
		if !known && left <= 0 {
			i.queue.Drop(b, 1)
			return false
		}
		return true
	}
	if _, again := i.list.builds[b.ID]; known || again {
		return true
	}
	if len(i.list.builds) >= left {
		i.list.dropped++
		i.list.last = b
		return false
	}
	i.list.builds[b.ID] = struct{}{}
	return true
}

// take queues the build of an Event that the informer handed on. What the
// informer shows again was claimed before.
func (i *intake) take(e *corev1.Event) {
	if !i.tracker.Claim(e.ResourceVersion) {
		return
	}
	i.queue.Add(newBuild(e, i.decider.Decide(e)), func(delivery.Outcome) { i.tracker.Done(e.ResourceVersion) })
}

// newBuild names the build that e, accepted with the given verdict, asks for.
func newBuild(e *corev1.Event, verdict filter.Verdict) delivery.Build {
	project := brigade.ProjectID(verdict.Project)
	return delivery.Build{
		ID:        identity.Of(project, e, verdict.OncePer),
		ProjectID: project,
		By:        verdict.By,
		Event:     e,
	}
}
