package gateway

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

const (
	// pageSize is how many Events one page of a list holds: the default of
	// client-go's pager, which is what kubectl asks for.
	pageSize = 500
	// pageTimeout is the deadline of one page.
	pageTimeout = 60 * time.Second
	// listAttempts is how often a list is begun again when its continue token
	// expired half way, before the informer's own backoff takes over.
	listAttempts = 3
)

// reader lists and watches the Events of one scope for the informer, and
// decides on each as it comes: what is rejected, was done with before, or finds
// no room, goes no further, so the informer's cache holds what will be built
// and no more. It tells the scope's tracker of everything it reads.
type reader struct {
	events  corev1client.EventInterface
	tracker *position.Tracker
	decider decide.Decider
	intake  *intake
	log     *eventLog
	// selector is the field selector that is pushed down to the API server.
	selector string
}

// list reads all Events in pages. It pages by itself rather than through the
// informer's pager, whose answer to an expired continue token is one list of
// everything: with 100,000 Events that is the memory of a hundred pages.
func (r *reader) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	var err error
	for range listAttempts {
		var list *corev1.EventList
		list, err = r.listOnce(ctx, options)
		if err == nil || !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			return list, err
		}
	}
	return nil, err
}

func (r *reader) listOnce(ctx context.Context, options metav1.ListOptions) (*corev1.EventList, error) {
	r.beginList()
	// An empty resourceVersion asks for the latest state. The informer's own
	// choice, "0", may be answered with any older one.
	options.ResourceVersion, options.ResourceVersionMatch = "", ""
	options.FieldSelector = r.selector
	options.Limit = pageSize
	options.Continue = ""
	kept := &corev1.EventList{}
	for {
		page, err := r.page(ctx, options)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if e := &page.Items[i]; r.wanted(ctx, e) {
				r.tracker.Admit(event.Key(e), e.ResourceVersion)
				kept.Items = append(kept.Items, *e)
			}
		}
		if page.Continue == "" {
			kept.ResourceVersion = page.ResourceVersion
			r.endList(page.ResourceVersion)
			return kept, nil
		}
		options.Continue = page.Continue
	}
}

func (r *reader) page(ctx context.Context, options metav1.ListOptions) (*corev1.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	return r.events.List(ctx, options)
}

// watch follows Events. With options.SendInitialEvents the stream begins with
// a list of what is there.
func (r *reader) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.FieldSelector = r.selector
	source, err := r.events.Watch(ctx, options)
	if err != nil {
		return nil, err
	}
	r.log.metrics.watches.Inc()
	if options.SendInitialEvents != nil && *options.SendInitialEvents {
		r.beginList()
	}
	return newStream(source, func(w watch.Event, send func(watch.Event) bool) { r.handOn(ctx, w, send) }), nil
}

// handOn decides on one watch event. It calls send with what goes on to the
// informer; send is false when nobody listens any more.
func (r *reader) handOn(ctx context.Context, w watch.Event, send func(watch.Event) bool) {
	e, ok := w.Object.(*corev1.Event)
	if !ok {
		send(w) // an error: a Status
		return
	}
	e.ManagedFields = nil
	switch w.Type {
	case watch.Added, watch.Modified:
		if !r.wanted(ctx, e) {
			break
		}
		r.tracker.Admit(event.Key(e), e.ResourceVersion)
		if !send(w) {
			r.tracker.Revoke(e.ResourceVersion)
			return
		}
	case watch.Bookmark:
		// A bookmark carries an Event object too. It must go on, or the
		// informer never syncs.
		if e.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
			r.endList(e.ResourceVersion)
		}
		if !send(w) {
			return
		}
	case watch.Deleted:
		// Must go on whatever the filters say, or the cache keeps an Event for
		// ever whose last version was rejected.
		r.tracker.Vanished(event.Key(e))
		if !send(w) {
			return
		}
	}
	r.tracker.Passed(e.ResourceVersion)
}

func (r *reader) beginList() {
	r.tracker.BeginList()
	r.intake.beginList()
}

func (r *reader) endList(version string) {
	r.tracker.EndList(version)
	r.intake.endList()
}

// wanted tells whether e goes on to the informer, and logs and counts it.
func (r *reader) wanted(ctx context.Context, e *corev1.Event) bool {
	reading := r.tracker.Read(event.Key(e), e.ResourceVersion)
	if reading.Done {
		return false
	}
	e.ManagedFields = nil
	verdict := r.decider.Decide(e)
	if reading.First {
		r.log.seen(ctx, e, verdict)
	}
	return verdict.Action == filter.Accept && r.intake.hasRoom(e, verdict)
}
