package ui

import (
	"time"
	"unicode/utf8"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// maxRowMessage is how many bytes of a message a row of the table has; the
// rest is shown with the Event itself.
const maxRowMessage = 512

// row is what the table shows of an Event.
type row struct {
	ID int64 `json:"id"`
	// Key is the same for all versions of one Event.
	Key string `json:"key"`
	// At is when the Event occurred, Seen when it was decided on, in
	// milliseconds since the Unix epoch; At is 0 if the Event has no time.
	At      int64  `json:"at"`
	Seen    int64  `json:"seen"`
	Verdict string `json:"verdict"`
	By      string `json:"by"`
	Faults  int    `json:"faults,omitempty"`

	Namespace string `json:"namespace,omitempty"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Reason    string `json:"reason"`
	Type      string `json:"type"`
	Component string `json:"component,omitempty"`
	Count     int32  `json:"count"`
	Message   string `json:"message"`
	// Cut is whether the message is longer.
	Cut bool `json:"cut,omitempty"`
}

func rowOf(x *entry) row {
	e := x.event
	out := row{
		ID:        x.id,
		Key:       string(e.UID),
		At:        milliseconds(event.Occurred(e)),
		Seen:      milliseconds(x.seen),
		Verdict:   x.verdict.Action.String(),
		By:        x.verdict.By,
		Faults:    len(x.verdict.Faults),
		Namespace: e.InvolvedObject.Namespace,
		Kind:      e.InvolvedObject.Kind,
		Name:      e.InvolvedObject.Name,
		Reason:    e.Reason,
		Type:      e.Type,
		Component: event.Component(e),
		Count:     event.Count(e),
	}
	if out.Key == "" {
		out.Key = event.Key(e)
	}
	out.Message, out.Cut = cut(e.Message, maxRowMessage)
	return out
}

// cut returns at most n bytes of s, whole characters of it, and whether there
// are more.
func cut(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
