package integration

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestWindowsOfDifferentLengthAndObjectsOfDifferentGroupsBuildOnceEach has Events
// whose identities differ only in the length of the window, or only in the API group
// of the object.
func TestWindowsOfDifferentLengthAndObjectsOfDifferentGroupsBuildOnceEach(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "windows")
	daemon.Start(t, p.flags(`
project: deis/empty-testbed
filters:
  - kind: Pod
    type: Warning
    action: accept
    oncePer: 10m
  - action: accept
    oncePer: 1h
`+noLimits)...).Ready()
	// In the first ten minutes of an hour, windows of both lengths begin together.
	at := metav1.NewTime(time.Now().Truncate(time.Hour).Add(-55 * time.Minute))
	event := func(name, kind, object string) *corev1.Event {
		e := p.newEvent(name, kind, "BackOff")
		e.InvolvedObject.Name = object
		e.FirstTimestamp, e.LastTimestamp = at, at
		return e
	}
	short, long := event("short", "Pod", "web-0"), event("long", "Pod", "web-0")
	short.Type = corev1.EventTypeWarning
	one, other := event("one", "Ingress", "web"), event("other", "Ingress", "web")
	one.InvolvedObject.APIVersion, other.InvolvedObject.APIVersion = "networking.k8s.io/v1", "networking.example.com/v1"
	// The version is not part of the group: this is the same object.
	same := event("same", "Ingress", "web")
	same.InvolvedObject.APIVersion = "networking.k8s.io/v1beta1"
	due := p.occur(short, long, one, other)
	p.wantBuilds(due...)
	p.occur(same)
	due = append(due, p.occur(event("another", "Pod", "web-1"))...)
	p.wantBuilds(due...)
}
