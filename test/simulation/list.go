package simulation

import (
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// listing is a list in pages, all at one version.
type listing struct {
	version int64
	after   key
	// limit is that of the first page.
	limit int
	read  []*eventVersion
}

// list answers a list or one page of it. It is called with the lock held.
func (s *Server) list(p *process, q *request) (runtime.Object, error) {
	which, err := newSelector(q)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	limit, _ := strconv.Atoi(q.query.Get("limit")) // none is no limit
	if err := s.tooLarge(q); err != nil {
		return nil, err
	}
	l := &listing{version: s.history.version, limit: limit}
	if token := q.query.Get("continue"); token != "" {
		id, err := strconv.Atoi(token)
		l = s.listings[id]
		if err != nil || l == nil || l.version < s.history.compacted {
			return nil, apierrors.NewResourceExpired("the provided continue parameter is too old to display a consistent list result")
		}
		next := *l // a token may be used again
		l = &next
	}
	var page []object
	meta := metav1.ListMeta{ResourceVersion: strconv.FormatInt(l.version, 10)}
	for _, o := range s.history.at(l.version, q.resource, q.namespace) {
		k := keyOf(q.resource, o)
		if compareKeys(k, l.after) <= 0 || !which.matches(k, o) {
			continue
		}
		if limit > 0 && len(page) == limit {
			s.lists++
			meta.Continue = strconv.Itoa(s.lists)
			s.listings[s.lists] = l
			break
		}
		page = append(page, o)
		l.after = k
		if v := s.record.versions[versionOf(o)]; q.resource == events && v != nil {
			l.read = append(l.read, v)
		}
		if q.resource == pods {
			s.record.see(p, o)
		}
	}
	if q.resource == events {
		s.record.list(p, q.namespace, l.version)
	}
	// A list with limit 1 only requests the version, so no Event counts as read.
	if meta.Continue == "" && l.limit != 1 {
		s.record.deliver(p, l.read...)
		if q.resource == events {
			s.record.reach(p, q.namespace, l.version)
		}
	}
	return q.codec.listOf(q.resource, page, meta), nil
}

// tooLarge returns an error for a version that this history has not reached.
func (s *Server) tooLarge(q *request) error {
	version, _ := strconv.ParseInt(q.query.Get("resourceVersion"), 10, 64) // none is the latest
	if version <= s.history.version {
		return nil
	}
	refusal := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", version, s.history.version), 1)
	refusal.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return refusal
}
