// Package identity names a build after what it is for.
//
// The name is the ledger: whoever tries to build the same thing again, be it a
// retry, a restart, a second replica or a replay, computes the same name and
// meets "already exists" at the API server. No other record has to be right
// for a build to happen once. The package is pure and knows nothing of where
// builds are written to.
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

// Of returns the build ID of what e and once ask to be built in the project
// with the given ID: a ULID in lower case, the form Brigade gives its own
// build IDs. Equal identities give equal IDs, whenever and wherever they are
// computed:
//
//	once         identity                                             time part
//	zero         project, Event UID                                   creation of the Event
//	a window     project, involved object, reason, length and         start of the window
//	             start of the window
//	a window     project, filter, what is grouped by and its       start of the window
//	and groupBy  values, length and start of the window
//	occurrence   project, Event UID, count                            creation of the Event + count ms
//
// The time part is a function of the identity alone. That is why occurrences
// do not take it from the time they occurred at: a writer may touch that time
// without raising the count, and the ID must not follow. The count in
// milliseconds keeps the occurrences of one Event in order.
//
// The filter of a group is its ID or a hash of its conditions: groups of two
// filters are two, and a filter that is moved in its list keeps its builds.
//
// The involved object is its API group, kind, namespace and name. The version of
// the API is left out, because reporters name different ones for one object, and
// so is the UID, because some reporters make one up.
func Of(projectID string, e *corev1.Event, once filter.OncePer) string {
	switch {
	case once.Occurrence:
		count := event.Count(e)
		at := e.CreationTimestamp.Add(time.Duration(count) * time.Millisecond)
		return id(at, "occurrence", projectID, string(e.UID), strconv.Itoa(int(count)))
	case once.Window > 0 && once.GroupBy.IsSet():
		start := windowStart(event.Occurred(e), once.Window)
		parts := []string{"group", projectID, once.Filter, once.GroupBy.String()}
		parts = append(parts, once.GroupBy.Values(e)...)
		return id(start, append(parts,
			strconv.FormatInt(once.Window.Milliseconds(), 10), strconv.FormatInt(start.UnixMilli(), 10))...)
	case once.Window > 0:
		start := windowStart(event.Occurred(e), once.Window)
		o := e.InvolvedObject
		return id(start, "window", projectID, event.Group(e), o.Kind, o.Namespace, o.Name, e.Reason,
			strconv.FormatInt(once.Window.Milliseconds(), 10), strconv.FormatInt(start.UnixMilli(), 10))
	default:
		return id(e.CreationTimestamp.Time, "event", projectID, string(e.UID))
	}
}

// windowStart cuts time since the Unix epoch into windows and returns the
// start of the one that at falls in. It uses the Event's own time and no
// clock, so every replica and every retry cuts alike.
func windowStart(at time.Time, window time.Duration) time.Time {
	ms, w := at.UnixMilli(), window.Milliseconds()
	start := ms - ms%w
	if ms < 0 && ms%w != 0 {
		start -= w
	}
	return time.UnixMilli(start)
}

// id builds the ULID: 48 bits of time in milliseconds, then the first 80 bits
// of a SHA-256 over the parts, which are separated by a byte that none of them
// can hold, so that ("a", "bc") and ("ab", "c") differ.
func id(at time.Time, parts ...string) string {
	var u ulid.ULID
	ms := max(at.UnixMilli(), 0)
	if err := u.SetTime(min(uint64(ms), ulid.MaxTime())); err != nil {
		panic("identity: a clamped time was refused: " + err.Error())
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	if err := u.SetEntropy(sum[:10]); err != nil {
		panic("identity: ten bytes of entropy were refused: " + err.Error())
	}
	return strings.ToLower(u.String())
}
