package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogIsShownInColumns(t *testing.T) {
	var out bytes.Buffer
	lines := newLog(&screen{out: &out, own: map[string]bool{}})
	first := lines.seen("pequod/q.1")

	lines.follow(strings.NewReader(`
{"level":"INFO","msg":"starting"}
{"level":"INFO","msg":"Processing default/n.1","verdict":"reject","by":"default","kind":"Node","name":"node-1","reason":"NodeReady","count":1}
{"level":"WARN","msg":"the position is not stored"}
{"level":"INFO","msg":"serving the page","address":"127.0.0.1:40123"}
{"level":"INFO","msg":"Processing pequod/q.1","verdict":"accept","by":"filters[3]","kind":"Pod","namespace":"pequod","name":"q","reason":"BackOff","count":1}
{"level":"INFO","msg":"build created","build":"01m84jgdj0cz4e99xc0bh9cxp8","project":"brigade-830c","event":"pequod/q.1","by":"filters[3]"}
{"level":"INFO","msg":"Processing pequod/q.1","verdict":"accept","by":"filters[3]","kind":"Pod","namespace":"pequod","name":"q","reason":"BackOff","count":2}
{"level":"INFO","msg":"Processing default/n.1","verdict":"reject","by":"default","kind":"Node","name":"node-0","reason":"NodeReady","count":1}
{"level":"INFO","msg":"Processing brigade/w.1","verdict":"reject","by":"guard","kind":"Pod","namespace":"brigade","name":"w","reason":"Scheduled","count":1}
{"level":"INFO","msg":"Processing brigade/w.2","verdict":"reject","by":"guard","kind":"Pod","namespace":"brigade","name":"w","reason":"Pulled","count":1}
{"level":"INFO","msg":"stopped"}
{"level":"ERROR","msg":"cannot list Events","err":"forbidden"}
panic: a line that is no record`[1:]))

	select {
	case <-first:
	default:
		t.Error("the Event pequod/q.1 was not seen")
	}
	want := `
k8s-gateway: the position is not stored

  see it live, and try other filters:
    http://127.0.0.1:40123/

reject  default     NodeReady          Node node-1
ACCEPT  filters[3]  BackOff            Pod pequod/q
build   01m84jgdj0cz4e99xc0bh9cxp8     Pod:BackOff pequod/q
ACCEPT  filters[3]  BackOff x2         Pod pequod/q, built already
reject  default     NodeReady          Node node-0
reject  guard       Scheduled          Pod brigade/w
k8s-gateway: cannot list Events forbidden
k8s-gateway: panic: a line that is no record
`[1:]
	if diff := cmp.Diff(want, withoutTimes(out.String())); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

// The log of a gateway that ends before it serves its page is shown.
func TestLogOfAGatewayWithoutItsPageIsShown(t *testing.T) {
	var out bytes.Buffer
	lines := newLog(&screen{out: &out, own: map[string]bool{}})
	lines.follow(strings.NewReader(`
{"level":"INFO","msg":"Processing default/n.1","verdict":"reject","by":"default","kind":"Node","name":"node-1","reason":"NodeReady","count":1}
listening for the page: address already in use`[1:]))
	want := `
k8s-gateway: listening for the page: address already in use
reject  default     NodeReady          Node node-1
`[1:]
	if diff := cmp.Diff(want, withoutTimes(out.String())); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

// withoutTimes returns lines without the seconds since the start.
func withoutTimes(lines string) string {
	return regexp.MustCompile(`(?m)^ *[0-9.]+s {2}`).ReplaceAllString(lines, "")
}
