package integration

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// bound is the size to which a message, and all annotations together, are cut.
const bound = 16 << 10

// TestAnEventIsCutToSize builds an Event with a message and an annotation much larger
// than the bound. The payload has the beginning of each, and how much was cut.
func TestAnEventIsCutToSize(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "cut")
	gateway := daemon.Start(t, p.flags(acceptPods)...)
	gateway.Ready()
	const huge = 200 << 10
	whole, cut := p.newEvent("whole", "Pod", "BackOff"), p.newEvent("cut", "Pod", "BackOff")
	whole.Message = strings.Repeat("w", bound-1)
	whole.Annotations = map[string]string{"text": "short"}
	cut.Message = strings.Repeat("é", huge/2) // two bytes each
	cut.Annotations = map[string]string{"text": strings.Repeat("a", huge), "short": "kept"}
	payloads := map[string]corev1.Event{}
	for _, secret := range p.wantBuilds(p.occur(whole, cut)...) {
		var e corev1.Event
		if err := json.Unmarshal(secret.Data["payload"], &e); err != nil {
			t.Fatal(err)
		}
		payloads[e.Name] = e
	}
	if got := payloads["whole"]; got.Message != whole.Message || got.Annotations["text"] != "short" {
		t.Errorf("a message of %d bytes became one of %d, want it as it was", len(whole.Message), len(got.Message))
	}
	got := payloads["cut"]
	wantCut(t, "message", cut.Message, got.Message)
	wantCut(t, "annotation", cut.Annotations["text"], got.Annotations["text"])
	if got.Annotations["short"] != "kept" {
		t.Errorf("the short annotation is %q, want it as it was", got.Annotations["short"])
	}
	r := gateway.Wait("the event", daemon.WithMessage("Processing "+p.watched+"/cut"))
	if n := len(r.String("message")); n == 0 || n > bound/4 {
		t.Errorf("%d bytes of the message are logged, want the beginning", n)
	}
}

// wantCut fails the test unless a text is the beginning of the whole one, cut between
// two characters, with the number of bytes cut.
func wantCut(t *testing.T, what, whole, got string) {
	t.Helper()
	if len(got) > bound+100 || len(got) < bound/2 || !utf8.ValidString(got) {
		t.Errorf("the %s has %d bytes, want about %d", what, len(got), bound)
		return
	}
	kept := 0
	for kept < len(got) && got[kept] == whole[kept] {
		kept++
	}
	if mark := got[kept:]; !strings.Contains(mark, "bytes") {
		t.Errorf("the %s ends with %q, want how many bytes are missing", what, mark)
	}
}
