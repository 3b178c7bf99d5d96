package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

func TestADryRunStoresNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "dry-run")
	gateway := daemon.Start(t, append(p.flags(acceptPods), "--dry-run")...)
	gateway.Ready()
	p.occur(p.newEvent("web-0", "Pod", "BackOff"))
	r := gateway.Wait("the build that would be", func(r daemon.Record) bool { return strings.HasPrefix(r.Message(), "dry run: build checked") })
	if r.String("event") != p.watched+"/web-0" || r.String("build") == "" {
		t.Errorf("record %v, want the event and the build's ID", r)
	}
	gateway.Stop()
	p.wantBuilds()
}

func TestPushDownBuildsTheSameAndSeesLess(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "push-down")
	filters := fmt.Sprintf(`
project: deis/empty-testbed
filters:
  - {kind: Node, action: reject}
  - {kind: Pod, reasons: [Killing], action: reject}
  - {kind: Pod, namespace: %s, action: accept}
  - {action: reject}
%s`, p.watched, noLimits)
	gateway := daemon.Start(t, append(p.flags(filters), "--push-down")...)
	gateway.Ready()
	selector := gateway.Wait("the selector", func(r daemon.Record) bool { return r.String("fieldSelector") != "" }).String("fieldSelector")
	if want := "involvedObject.kind=Pod,involvedObject.namespace=" + p.watched + ",reason!=Killing"; selector != want {
		t.Errorf("selector %s, want %s", selector, want)
	}
	p.occur(p.newEvent("left-out", "Node", "NodeReady"), p.newEvent("stopped", "Pod", "Killing"))
	accepted := p.occur(p.newEvent("web-0", "Pod", "BackOff"))
	p.wantBuilds(accepted...)
	gateway.Stop()
	seen := gateway.Records(func(r daemon.Record) bool { return strings.HasPrefix(r.Message(), "Processing ") })
	if len(seen) != 1 || seen[0].Message() != "Processing "+p.watched+"/web-0" {
		t.Errorf("seen %v, want web-0 alone", seen)
	}
}

// TestTheAPIServerTakesEverySelector shows that the API server accepts the selectors
// of lists with each selectable key, and that a watch with them sends every Event
// that the list accepts and none that the selector excludes.
func TestTheAPIServerTakesEverySelector(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "selectors")
	tests := map[string]struct {
		filters  string
		selector string
		sent     []string
	}{
		"an accepting filter": {`[{action: accept}]`, "", []string{"web-0", "web-1", "warned", "job"}},
		"a rejecting filter":  {`[{action: reject}]`, "involvedObject.kind=,involvedObject.kind!=", nil},
		"a kind":              {`[{kind: Job, action: accept}]`, "involvedObject.kind=Job", []string{"job"}},
		"a namespace":         {`[{namespace: elsewhere, action: accept}]`, "involvedObject.namespace=elsewhere", nil},
		"a name":              {`[{name: object-of-web-1, action: accept}]`, "involvedObject.name=object-of-web-1", []string{"web-1"}},
		"a reason":            {`[{reasons: [BackOff], action: accept}]`, "reason=BackOff", []string{"web-0"}},
		"a type":              {`[{type: Warning, action: accept}]`, "type=Warning", []string{"warned"}},
		"a component":         {`[{component: integration-test, action: accept}]`, "source=integration-test", []string{"web-0", "web-1", "warned", "job"}},
		"rejects before an accept": {
			`[{kind: Job, action: reject}, {reasons: [Killing, BackOff], action: reject}, {action: accept}]`,
			"involvedObject.kind!=Job,reason!=Killing,reason!=BackOff",
			[]string{"warned"},
		},
	}
	web1, warned, job := p.newEvent("web-1", "Pod", "Killing"), p.newEvent("warned", "Pod", "Failed"), p.newEvent("job", "Job", "Completed")
	warned.Type = corev1.EventTypeWarning
	p.occur(p.newEvent("web-0", "Pod", "BackOff"), web1, warned, job)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := config.Parse("filters.yaml", []byte("project: p\nfilters: "+tc.filters))
			if err != nil {
				t.Fatal(err)
			}
			selector := c.Filters.Selector().String()
			if selector != tc.selector {
				t.Errorf("selector %q, want %q", selector, tc.selector)
			}
			sent, err := initialEvents(t.Context(), p.watched, selector)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, name := range tc.sent {
				want[name] = true
			}
			for _, e := range sent {
				if !want[e.Name] {
					t.Errorf("%s was sent, want %v", e.Name, tc.sent)
				}
				delete(want, e.Name)
			}
			if len(want) > 0 {
				t.Errorf("not sent: %v", want)
			}
		})
	}
}

// initialEvents watches as the gateway does until it has read the existing Events.
func initialEvents(ctx context.Context, namespace, selector string) ([]*corev1.Event, error) {
	send := true
	w, err := plane.Client().CoreV1().Events(namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: selector, SendInitialEvents: &send, AllowWatchBookmarks: true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		return nil, err
	}
	defer w.Stop()
	var sent []*corev1.Event
	for event := range w.ResultChan() {
		e, ok := event.Object.(*corev1.Event)
		switch {
		case !ok:
			return nil, fmt.Errorf("the watch ended with %v", event.Object)
		case event.Type == watch.Bookmark:
			return sent, nil
		default:
			sent = append(sent, e)
		}
	}
	return nil, fmt.Errorf("the watch ended before it had sent the existing Events")
}
