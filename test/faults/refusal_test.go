package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// inPod are the variables that the chart's Deployment sets.
func (p *place) inPod() []string {
	return []string{"POD_NAME=gateway-0", "POD_NAMESPACE=" + p.builds}
}

// awaitWarning waits for a Warning Event on the gateway's own pod.
func (p *place) awaitWarning(reason, text string) {
	p.tb.Helper()
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		list, err := p.client.CoreV1().Events(p.builds).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning,reason=" + reason})
		if err != nil {
			return err
		}
		for i := range list.Items {
			e := &list.Items[i]
			if e.InvolvedObject.Kind == "Pod" && e.InvolvedObject.Name == "gateway-0" && strings.Contains(e.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("no warning %s on the gateway's pod that says %q", reason, text)
	})
}

// TestBuildRefused has an Event so large that no Secret can hold it. The API
// server will never take that build, so the others go on without it.
func TestBuildRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "refused")
	g := p.beginWith(p.inPod())
	for round := range rounds(1) {
		p.someMore()
		// What a Secret may hold (k8s.io/api/core/v1, MaxSecretSize), in a field
		// that the API server does not check the length of.
		huge := p.podEvent(fmt.Sprintf("huge-%d", round))
		huge.InvolvedObject.FieldPath = strings.Repeat("x", corev1.MaxSecretSize)
		p.occur(huge)
		g.Wait("that it is refused", func(r daemon.Record) bool {
			return r.Message() == "build refused" && r.String("event") == p.watched+"/"+huge.Name
		})
	}
	p.awaitWarning("BuildRefused", "event "+p.watched+"/huge-0 is not built: ")
	p.finish(fmt.Sprintf(" refused=%d", rounds(1)), g)
}

// TestQueueFull lets fewer builds wait than there are Events, while none can be
// written. What is there first is built in the end, the rest is dropped, and
// that is said.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "queue-full")
	p.filter(strings.Replace(filters, "limits:", "limits:\n  queued: 3", 1))
	restore := p.removeRights()
	g := p.startWith(p.inPod())
	g.Ready()
	due, last := map[string]string{}, ""
	for i := range 8 {
		e := p.occur(p.podEvent(fmt.Sprintf("n-%d", i)))
		last = e.ResourceVersion
		if i < 3 {
			due[string(e.UID)] = e.Name
		}
	}
	g.Wait("that it drops builds", func(r daemon.Record) bool {
		return r.Message() == "build dropped, too many builds wait" && r.String("event") == p.watched+"/n-3"
	})
	p.awaitWarning("BuildDropped", "dropped the build of event "+p.watched+"/n-3: 3 builds wait, which is limits.queued; the longest flow is "+p.watched+" with 3")
	restore()
	p.awaitPosition(last)
	g.Stop()
	p.report(8, p.ledger.compare(due, nil), " dropped=5")
}
