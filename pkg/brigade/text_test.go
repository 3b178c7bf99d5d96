package brigade

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

func TestEventType(t *testing.T) {
	for name, test := range map[string]struct {
		kind, reason string
		want         string
	}{
		"a kind and a reason":                            {"Pod", "BackOff", "Pod:BackOff"},
		"a reason in words":                              {"Node", "Kubelet is ready", "Node:Kubelet is ready"},
		"an Event about nothing, for no reason":          {"", "", ":"},
		"what Kubernetes expands in a variable's value":  {"Pod", "$(BRIGADE_REPO_KEY)", "Pod:_(BRIGADE_REPO_KEY)"},
		"what Kubernetes unescapes to that":              {"Pod", "$$(BRIGADE_REPO_KEY)", "Pod:__(BRIGADE_REPO_KEY)"},
		"the same over the colon":                        {"$", "(BRIGADE_REPO_KEY)", "_:(BRIGADE_REPO_KEY)"},
		"lines, escapes and what turns the direction":    {"Pod\n", "Back\r\x1b[2J\u202eOff\x00", "Pod_:Back__[2J_Off_"},
		"what is not UTF-8":                              {"Pod\xff", "Back\xc3Off", "Pod_:Back_Off"},
		"a colon in the kind":                            {"Pod:BackOff", "x:y", "Pod_BackOff:x:y"},
		"a kind that is too long":                        {strings.Repeat("é", 64), "R", strings.Repeat("é", 62) + "…:R"},
		"a reason that is too long":                      {"Pod", strings.Repeat("é", 129), "Pod:" + strings.Repeat("é", 127) + "…"},
		"the longest kind and the longest reason":        {strings.Repeat("K", 63), strings.Repeat("R", 128), strings.Repeat("K", 63) + ":" + strings.Repeat("R", 128)},
		"half a megabyte, of which nothing is looked at": {"Pod", strings.Repeat("$(A)", 125_000), "Pod:" + strings.Repeat("_(A)", 31) + "_(A…"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: test.kind}, Reason: test.reason}
			if got := EventType(e); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTitles(t *testing.T) {
	long := backOff()
	long.Message = strings.Repeat("é ", 2000)
	long.InvolvedObject.Name = strings.Repeat("x", 200)
	node := backOff()
	node.InvolvedObject = corev1.ObjectReference{Kind: "Node", Name: "n1"}
	node.Reason, node.Message, node.Count, node.Source.Component = "NodeReady", "", 1, ""
	hostile := backOff()
	hostile.InvolvedObject.Name = "web-0\x1b[2J"
	hostile.Reason = "Back\u202eOff"
	hostile.Message = "first\r\nsecond\x00\ttab\u00a0\u2028end \xff"
	tests := map[string]struct {
		event       *corev1.Event
		group       string
		short, long string
	}{
		"what happened to what, how often and who says so": {
			backOff(), "", "BackOff: Pod pequod/web-0",
			"Pod pequod/web-0: Back-off restarting failed container web in pod <web-0> (BackOff, 5 times, kubelet)",
		},
		"a group of Events that share the build": {
			backOff(), "namespace pequod, reason BackOff in 10m",
			"group of namespace pequod, reason BackOff in 10m: BackOff: Pod pequod/web-0",
			"first of the group of namespace pequod, reason BackOff in 10m: " +
				"Pod pequod/web-0: Back-off restarting failed container web in pod <web-0> (BackOff, 5 times, kubelet)",
		},
		"nothing but a reason": {
			node, "", "NodeReady: Node n1", "Node n1: NodeReady (NodeReady)",
		},
		"invisible characters are shown, and what breaks lines is a space": {
			hostile, "", "Back�Off: Pod pequod/web-0�[2J",
			"Pod pequod/web-0�[2J: first second� tab end � (Back�Off, 5 times, kubelet)",
		},
		"what is too long is cut where a reader sees it": {
			long, "", "BackOff: Pod pequod/" + strings.Repeat("x", 79) + "…",
			"Pod pequod/" + strings.Repeat("x", 200) + ": " + strings.Repeat("é ", 493) + "…",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := shortTitle(tc.event, tc.group); got != tc.short {
				t.Errorf("short title %q, want %q", got, tc.short)
			}
			if got := longTitle(tc.event, tc.group); got != tc.long {
				t.Errorf("long title %q, want %q", got, tc.long)
			}
		})
	}
}

// checkClean checks that no text of an Event can harm what a build shows.
func checkClean(t *testing.T, eventType, shortTitle, longTitle string) {
	t.Helper()
	for _, text := range []struct {
		value   string
		longest int
	}{{eventType, maxKind + 1 + maxReason}, {shortTitle, maxShortTitle}, {longTitle, maxLongTitle}} {
		if !utf8.ValidString(text.value) || strings.ContainsFunc(text.value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q has invisible characters", text.value)
		}
		if n := utf8.RuneCountInString(text.value); n > text.longest {
			t.Errorf("%d characters, more than %d", n, text.longest)
		}
	}
	if strings.Contains(eventType, "$") {
		t.Errorf("event type %q can be expanded", eventType)
	}
}
