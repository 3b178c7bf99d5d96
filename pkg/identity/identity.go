// Package identity computes the ID of a build from what is built.
//
// The ID is what makes a build happen once: a retry, a restart, a second replica
// and a replay all compute the same ID, and the API server answers the second
// create with "already exists". No other record has to be right. The package is
// pure and independent of the destination of builds.
package identity

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// Target is a Brigade project, by its ID, or a destination.
type Target string

// TargetOf returns the Target of a destination or, if it is empty, of a project. The
// two never collide, because the ID of a project begins with "brigade-".
func TargetOf(destination, projectID string) Target {
	if destination != "" {
		return Target("destination/" + destination)
	}
	return Target(projectID)
}

// Of returns the build ID for e: a ULID in lower case, the form of Brigade's own
// build IDs. Equal identities give equal IDs, whenever and wherever they are
// computed:
//
//	once         identity                                             time part
//	zero         target, Event UID                                    creation of the Event
//	a window     target, involved object, reason, length and          start of the window
//	             start of the window
//	a window     target, filter, what is grouped by and its           start of the window
//	and groupBy  values, length and start of the window
//	occurrence   target, Event UID, count                             creation of the Event + count ms
//
// The time part depends on the identity only. An occurrence does not use the
// time at which it occurred, because a reporter may change that time and not the
// count, and the ID must stay the same. The count in milliseconds keeps the
// occurrences of one Event in order.
//
// The filter of a group is its ID or a hash of its conditions, so that two
// filters have separate groups, and a filter that moves in its list keeps its
// builds.
//
// The involved object is its API group, kind, namespace and name. The API
// version and the UID are not part of it, because reporters give the same object
// different ones.
func Of(target Target, e *corev1.Event, once filter.OncePer) string {
	switch {
	case once.Occurrence:
		count := event.Count(e)
		at := e.CreationTimestamp.Add(time.Duration(count) * time.Millisecond)
		return id(at, "occurrence", string(target), string(e.UID), strconv.Itoa(int(count)))
	case once.Window > 0 && once.GroupBy.IsSet():
		start := windowStart(event.Occurred(e), once.Window)
		parts := []string{"group", string(target), once.Filter, once.GroupBy.String()}
		parts = append(parts, once.GroupBy.Values(e)...)
		return id(start, append(parts,
			strconv.FormatInt(once.Window.Milliseconds(), 10), strconv.FormatInt(start.UnixMilli(), 10))...)
	case once.Window > 0:
		start := windowStart(event.Occurred(e), once.Window)
		o := e.InvolvedObject
		return id(start, "window", string(target), event.Group(e), o.Kind, o.Namespace, o.Name, e.Reason,
			strconv.FormatInt(once.Window.Milliseconds(), 10), strconv.FormatInt(start.UnixMilli(), 10))
	default:
		return id(e.CreationTimestamp.Time, "event", string(target), string(e.UID))
	}
}

// windowStart returns the start of the window that at is in. Windows are
// aligned to the Unix epoch and at is the Event's own time, so that all replicas
// and retries compute the same.
func windowStart(at time.Time, window time.Duration) time.Time {
	ms, w := at.UnixMilli(), window.Milliseconds()
	start := ms - ms%w
	if ms < 0 && ms%w != 0 {
		start -= w
	}
	return time.UnixMilli(start)
}

// id returns the ULID: 48 bits of time in milliseconds, then the first 80 bits of
// the SHA-256 of the parts. NUL, which no part can contain, separates them, so
// that ("a", "bc") and ("ab", "c") differ.
func id(at time.Time, parts ...string) string {
	var u ulid.ULID
	ms := max(at.UnixMilli(), 0)
	if err := u.SetTime(min(uint64(ms), ulid.MaxTime())); err != nil {
		panic("identity: setting a time in range: " + err.Error())
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	if err := u.SetEntropy(sum[:10]); err != nil {
		panic("identity: setting ten bytes of entropy: " + err.Error())
	}
	return strings.ToLower(u.String())
}
