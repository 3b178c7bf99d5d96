package source

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	// firstPage is the limit of the first page of a list. It is small because an
	// Event may have the size of a request, 1.5 MiB.
	firstPage = 8
	// maxPage is the largest limit of a page: the default of client-go's pager.
	maxPage = 500
	// pageBytes is the size up to which pages grow.
	pageBytes = 1 << 20
	// pageTimeout is the deadline of one page.
	pageTimeout = 60 * time.Second
	// listAttempts is how often a list whose continue token expired is tried
	// before the informer backs off.
	listAttempts = 3
)

// errEndedEarly is reported when a watch ends before it has sent all existing Events.
var errEndedEarly = errors.New("the watch ended before all existing Events were sent")

// list reads all Events in pages. It does not use the informer's pager, because
// that lists everything at once when a continue token expires. With 100,000 Events
// that takes the memory of two hundred pages.
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
	s.failed(ctx, err)
	return nil, err
}

func (s *Source) endFirstList() { s.once.Do(func() { close(s.listed) }) }

// listOnce reads all Events and returns the resourceVersion of the list.
func (s *Source) listOnce(ctx context.Context, options metav1.ListOptions) (string, error) {
	read := s.tracker.HighWater()
	s.tracker.BeginList()
	// An empty resourceVersion requests the latest state. With "0", which the
	// informer sets, the API server may return an older one.
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
			e := page.Items[i] // a copy, so that one Event does not keep the page in memory
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

// nextPage returns the limit of the next page.
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

// watch watches Events. With options.SendInitialEvents the stream begins with the
// existing Events.
func (s *Source) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.FieldSelector = s.selector
	read := s.tracker.HighWater()
	source, err := s.events.Watch(ctx, options)
	if err != nil {
		if !apierrors.IsInvalid(err) { // without streaming lists, the informer lists in pages next
			s.endFirstList()
		}
		s.failed(ctx, err)
		return nil, err
	}
	s.metrics.watches.Inc()
	listing := options.SendInitialEvents != nil && *options.SendInitialEvents
	if listing {
		s.tracker.BeginList()
	} else {
		s.reading(nil)
		select {
		case s.watched <- struct{}{}:
		default: // a check is about to begin
		}
	}
	w := &watching{source: s, read: read, listing: listing}
	return newStream(source, func(event watch.Event, send func(watch.Event)) { w.handle(ctx, event, send) }, func(send func(watch.Event)) { w.end(ctx, send) }), nil
}

// watching is the state of one watch.
type watching struct {
	source *Source
	// read is the high-water mark before the watch.
	read string
	// listing is whether the watch still sends existing Events, which are not in
	// the order of versions.
	listing bool
	// last is the last version that was handled after that.
	last string
}

// handle handles one event of the watch. It passes on only what the informer needs:
// bookmarks, without which it never syncs, and errors.
func (w *watching) handle(ctx context.Context, event watch.Event, send func(watch.Event)) {
	e, ok := event.Object.(*corev1.Event)
	if !ok {
		w.source.failed(ctx, apierrors.FromObject(event.Object)) // a Status
		w.source.endFirstList()
		send(event)
		return
	}
	version := e.ResourceVersion // take keeps e
	switch event.Type {
	case watch.Added, watch.Modified:
		w.source.take(ctx, e)
	case watch.Bookmark:
		if w.listing && e.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
			w.listing = false
			w.source.check(w.read, version)
			w.source.tracker.EndList(version)
			w.source.endFirstList()
			w.source.reading(nil)
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

// end sends a bookmark with the last version, so that the informer resumes there and
// not at the last bookmark of the API server.
func (w *watching) end(ctx context.Context, send func(watch.Event)) {
	if w.listing {
		w.source.failed(ctx, errEndedEarly)
		w.source.endFirstList()
		return
	}
	if w.last != "" {
		send(watch.Event{Type: watch.Bookmark, Object: &corev1.Event{ObjectMeta: metav1.ObjectMeta{ResourceVersion: w.last}}})
	}
}
