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
	// Dashboards show the short title in a table row. An Event's message may have 1024
	// bytes (NoteLengthLimit, same file), which fits into the long title with its
	// prefix.
	maxShortTitle = 100
	maxLongTitle  = 1200
)

// EventType returns the Event's "<Kind>:<Reason>" as a build's event type, for which a
// brigade.js registers. It has at most maxKind + 1 + maxReason characters, and `_` for
// every `$`, invisible character and colon in the kind.
//
// Brigade's controller passes the event type to the worker as the value of an
// environment variable (workerEnv in
// brigade-controller/cmd/brigade-controller/controller/handler.go), and the worker
// passes it to the sidecars of its jobs in the same way (sidecarSpec in
// brigade-worker/src/k8s.ts). Kubernetes replaces $(NAME) by the value of the variable
// NAME, and $$ by $, both times. An escape would work only once, so every `$` is
// replaced. Line ends, escape sequences and other invisible characters are replaced
// because a log or a terminal would interpret them, and colons in the kind so that the
// first colon always ends it.
func EventType(e *corev1.Event) string {
	kind := strings.Map(func(r rune) rune {
		if r == ':' {
			return '_'
		}
		return r
	}, plain(e.InvolvedObject.Kind))
	return cut(kind, maxKind) + ":" + cut(plain(e.Reason), maxReason)
}

// plain returns s with `_` for `$` and for every invisible character.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '$' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, head(s, maxReason+1))
}

// Titles returns the short and the long title of a build.
func Titles(b delivery.Build) (short, long string) {
	return shortTitle(b.Event, b.Group), longTitle(b.Event, b.Group)
}

// shortTitle returns the reason and the object: "BackOff: Pod pequod/web-0". With
// groupBy it begins with the group: "group of namespace pequod: BackOff: …".
func shortTitle(e *corev1.Event, group string) string {
	text := e.Reason + ": " + event.Object(e)
	if group != "" {
		text = "group of " + group + ": " + text
	}
	return title(text, maxShortTitle)
}

// longTitle returns the object, the message, the count and the reporter:
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
	text := strings.TrimSpace(e.Message)
	if text == "" {
		text = e.Reason
	}
	all := fmt.Sprintf("%s: %s (%s)", event.Object(e), text, strings.Join(facts, ", "))
	if group != "" {
		all = "first of the group of " + group + ": " + all
	}
	return title(all, maxLongTitle)
}

// title returns s on one line of at most n characters. White space becomes one space,
// and other invisible characters U+FFFD.
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
			break // cut marks the cut
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

// cut shortens s to at most n characters and marks the cut.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return head(s, n-1) + "…"
}
