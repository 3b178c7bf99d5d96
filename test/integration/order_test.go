package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// inAnyOrder creates Events with unsorted names one after the other, and returns the
// names in the order of creation.
func (p *place) inAnyOrder(n int) []string {
	p.tb.Helper()
	names := make([]string, n)
	for i, number := range rand.Perm(n) {
		names[i] = fmt.Sprintf("n-%03d", number)
		p.occur(p.newEvent(names[i], "Pod", "BackOff"))
	}
	return names
}

// built waits for n builds and returns the names of their Events in the order in which
// the builds were created.
func (p *place) built(n int) []string {
	p.tb.Helper()
	var secrets []corev1.Secret
	controlplane.Eventually(p.tb, func(ctx context.Context) (err error) {
		if secrets, err = p.buildSecrets(ctx); err == nil && len(secrets) < n {
			err = fmt.Errorf("%d builds, want %d", len(secrets), n)
		}
		return err
	})
	slices.SortFunc(secrets, func(a, b corev1.Secret) int {
		c, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
		if err != nil {
			p.tb.Fatal(err)
		}
		return c
	})
	names := make([]string, len(secrets))
	for i := range secrets {
		var e corev1.Event
		if err := json.Unmarshal(secrets[i].Data["payload"], &e); err != nil {
			p.tb.Fatal(err)
		}
		names[i] = e.Name
	}
	return names
}

// TestEventsThatExistAtAStartAreBuiltInTheOrderInWhichTheyOccurred has one worker, so
// that builds are created in the order of the queue.
func TestEventsThatExistAtAStartAreBuiltInTheOrderInWhichTheyOccurred(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "order")
	names := p.inAnyOrder(40)
	daemon.Start(t, append(p.flags(acceptPods), "--replay-existing", "--workers", "1")...)
	if diff := cmp.Diff(names, p.built(40)); diff != "" {
		t.Errorf("occurred (-) and built (+):\n%s", diff)
	}
}

// TestBuildsThatExistTakeNothingFromThePace starts a gateway again that has built
// everything except one Event, with a pace with which all would take a quarter of an
// hour.
func TestBuildsThatExistTakeNothingFromThePace(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "exists")
	names := p.inAnyOrder(15)
	gateway := daemon.Start(t, append(p.flags(acceptPods), "--replay-existing")...)
	p.built(15)
	gateway.Stop()

	p.occur(p.newEvent("new", "Pod", "BackOff"))
	slow := write(t, "slow.yaml", "project: deis/empty-testbed\nfilters: [{kind: Pod, action: accept}]\nlimits: {buildsPerMinute: 1, burst: 1}\n")
	daemon.Start(t, append(p.flagsOf(slow), "--replay-existing")...)
	built := p.built(16)
	if len(built) != len(names)+1 || built[15] != "new" {
		t.Errorf("%d builds, the last of %s, want %d and the new one", len(built), built[len(built)-1], len(names)+1)
	}
}
