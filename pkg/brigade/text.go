package brigade

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

// The texts of a build come from its Event, and so from users who may create
// Events. These are the most characters of each.
const (
	// maxKind is the longest name of a kind that Kubernetes admits for a custom
	// resource (a DNS label), and maxReason the longest reason that
	// events.k8s.io/v1 admits (ReasonLengthLimit in
	// k8s.io/kubernetes/pkg/apis/core/validation/events.go).
	maxKind   = 63
	maxReason = 128
	// Dashboards show the short title in a table row. An Event's message may
	// hold 1024 bytes (NoteLengthLimit, same place), which fits the long one
	// together with its prefix.
	maxShortTitle = 100
	maxLongTitle  = 1200
)

// EventType returns the Event's "<Kind>:<Reason>" as a build's event type, for
// which a brigade.js registers: of at most maxKind + 1 + maxReason characters,
// and with `_` for every character that is not one of a kind or reason in the
// hands of Brigade.
//
// Brigade's controller hands the event type to the worker as the value of an
// environment variable (workerEnv in
// brigade-controller/cmd/brigade-controller/controller/handler.go), and the
// worker hands it on to the sidecars of its jobs in the same way (sidecarSpec in
// brigade-worker/src/k8s.ts). There Kubernetes replaces $(NAME) by the value of
// the variable NAME, each of the two times, and $$ by $. Since an escape would
// only hold once, no `$` is left at all. Neither are line ends, escape
// sequences and other invisible characters, which a log or a terminal would
// obey; nor a colon in the kind, so that the first colon always ends it.
func EventType(e *corev1.Event) string {
	kind := strings.Map(func(r rune) rune {
		if r == ':' {
			return '_'
		}
		return r
	}, plain(e.InvolvedObject.Kind))
	return cut(kind, maxKind) + ":" + cut(plain(e.Reason), maxReason)
}

// plain returns s with `_` for `$` and for every character that cannot be seen.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '$' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, head(s, maxReason+1))
}

// Titles returns the titles of a build.
func Titles(b delivery.Build) (short, long string) {
	return shortTitle(b.Event, b.Group), longTitle(b.Event, b.Group)
}

// shortTitle says what happened to what: "BackOff: Pod pequod/web-0". A build
// that stands for a group begins with it: "group of namespace pequod: BackOff: …".
func shortTitle(e *corev1.Event, group string) string {
	said := e.Reason + ": " + event.Object(e)
	if group != "" {
		said = "group of " + group + ": " + said
	}
	return title(said, maxShortTitle)
}

// longTitle adds what the reporter said of it, how often and who reported it:
// "Pod pequod/web-0: Back-off restarting failed container (BackOff, 5 times,
// kubelet)".
func longTitle(e *corev1.Event, group string) string {
	facts := []string{e.Reason}
	if n := event.Count(e); n > 1 {
		facts = append(facts, fmt.Sprintf("%d times", n))
	}
	if c := event.Component(e); c != "" {
		facts = append(facts, c)
	}
	said := strings.TrimSpace(e.Message)
	if said == "" {
		said = e.Reason
	}
	all := fmt.Sprintf("%s: %s (%s)", event.Object(e), said, strings.Join(facts, ", "))
	if group != "" {
		all = "first of the group of " + group + ": " + all
	}
	return title(all, maxLongTitle)
}

// title returns s on one line of at most n characters: runs of white space
// become one space, and other characters that cannot be seen U+FFFD.
func title(s string, n int) string {
	var b strings.Builder
	space, characters := false, 0
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = characters > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			characters++
			space = false
		}
		b.WriteRune(printable.Rune(r))
		characters++
		if characters > n {
			break // cut shows that there is more
		}
	}
	return cut(b.String(), n)
}

// head returns the first n characters of s.
func head(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// cut shortens s to at most n characters and shows that it did.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return head(s, n-1) + "…"
}
