package source

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	// firstPage is how many Events the first page of a list holds. An Event may
	// have the size of a request, 1.5 MiB, so pages start small.
	firstPage = 8
	// maxPage is how many a page holds at most: the default of client-go's pager,
	// which is what kubectl asks for.
	maxPage = 500
	// pageBytes is the size that pages grow up to.
	pageBytes = 1 << 20
	// pageTimeout is the deadline of one page.
	pageTimeout = 60 * time.Second
	// listAttempts is how often a list is begun again when its continue token
	// expired half way, before the informer's own backoff takes over.
	listAttempts = 3
)

// list reads all Events in pages. It pages by itself rather than through the
// informer's pager, whose answer to an expired continue token is one list of
// everything: with 100,000 Events that is the memory of two hundred pages.
func (s *Source) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	defer s.endFirstList()
	var err error
	for range listAttempts {
		var version string
		if version, err = s.listOnce(ctx, options); err == nil {
			return &corev1.EventList{ListMeta: metav1.ListMeta{ResourceVersion: version}}, nil
		}
		if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			break
		}
	}
	s.metrics.errors.Inc()
	return nil, err
}

// endFirstList notes that the first list has ended.
func (s *Source) endFirstList() { s.once.Do(func() { close(s.listed) }) }

// listOnce reads all Events and returns the version at which it did.
func (s *Source) listOnce(ctx context.Context, options metav1.ListOptions) (string, error) {
	read := s.tracker.HighWater()
	s.tracker.BeginList()
	// An empty resourceVersion asks for the latest state. The informer's own
	// choice, "0", may be answered with any older one.
	options.ResourceVersion, options.ResourceVersionMatch = "", ""
	options.FieldSelector = s.selector
	options.Limit = firstPage
	options.Continue = ""
	for {
		page, err := s.page(ctx, options)
		if err != nil {
			return "", err
		}
		s.check(read, page.ResourceVersion)
		options.Limit = nextPage(options.Limit, page)
		for i := range page.Items {
			e := page.Items[i] // a copy, so that one Event does not keep its page
			s.take(ctx, &e)
		}
		if page.Continue == "" {
			s.tracker.EndList(page.ResourceVersion)
			return page.ResourceVersion, nil
		}
		options.Continue = page.Continue
	}
}

func (s *Source) page(ctx context.Context, options metav1.ListOptions) (*corev1.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	return s.events.List(ctx, options)
}

// nextPage returns how many Events the page after the given one is to hold.
func nextPage(limit int64, page *corev1.EventList) int64 {
	size := 0
	for i := range page.Items {
		size += page.Items[i].Size()
	}
	if size == 0 {
		return limit
	}
	fit := int64(pageBytes) * int64(len(page.Items)) / int64(size)
	return max(min(2*limit, fit, maxPage), 1)
}

// watch follows Events. With options.SendInitialEvents the stream begins with
// a list of what is there.
func (s *Source) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.FieldSelector = s.selector
	read := s.tracker.HighWater()
	source, err := s.events.Watch(ctx, options)
	if err != nil {
		if !apierrors.IsInvalid(err) { // a server that streams no lists is asked for pages next
			s.endFirstList()
		}
		s.metrics.errors.Inc()
		return nil, err
	}
	s.metrics.watches.Inc()
	listing := options.SendInitialEvents != nil && *options.SendInitialEvents
	if listing {
		s.tracker.BeginList()
	}
	w := &watching{source: s, read: read, listing: listing}
	return newStream(source, func(event watch.Event, send func(watch.Event)) { w.handle(ctx, event, send) }, w.end), nil
}

// watching is one watch.
type watching struct {
	source *Source
	// read is how far the history had been read before.
	read string
	// listing says that the watch still shows what is there, in no order.
	listing bool
	// last is the last version that was dealt with once it shows what changes.
	last string
}

// handle deals with one event of the watch. Only what the informer itself needs
// is sent on: bookmarks, without which it never syncs, and errors.
func (w *watching) handle(ctx context.Context, event watch.Event, send func(watch.Event)) {
	e, ok := event.Object.(*corev1.Event)
	if !ok {
		w.source.metrics.errors.Inc()
		w.source.endFirstList()
		send(event) // an error: a Status
		return
	}
	version := e.ResourceVersion // before e is handed over
	switch event.Type {
	case watch.Added, watch.Modified:
		w.source.take(ctx, e)
	case watch.Bookmark:
		if w.listing && e.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
			w.listing = false
			w.source.check(w.read, version)
			w.source.tracker.EndList(version)
			w.source.endFirstList()
		}
	}
	w.source.tracker.Advance(version)
	if !w.listing {
		w.last = version
	}
	if event.Type == watch.Bookmark {
		send(event)
	}
}

// end tells the informer where the watch ended, so that it resumes there and
// not at the last bookmark.
func (w *watching) end(send func(watch.Event)) {
	if w.listing {
		w.source.metrics.errors.Inc()
		w.source.endFirstList()
		return
	}
	if w.last != "" {
		send(watch.Event{Type: watch.Bookmark, Object: &corev1.Event{ObjectMeta: metav1.ObjectMeta{ResourceVersion: w.last}}})
	}
}
