package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// paced is the number of Events with a limit of ten builds a second. The whole storm
// takes a quarter of an hour:
//
//	go test ./test/integration -run Paced -paced 10000 -timeout 1h
var paced = flag.Int("paced", 60, "how many Events at once meet a limit of 600 builds a minute")

func TestAStormIsPacedAndLosesNothing(t *testing.T) {
	t.Parallel()
	const perSecond, burst = 10, 20
	p := newPlace(t, "paced")
	filters := fmt.Sprintf("project: p\nfilters: [{kind: Pod, action: accept}]\nlimits: {buildsPerMinute: %d, burst: %d}\n", perSecond*60, burst)
	gateway := daemon.Start(t, append(p.flags(filters), "--log-events", "none")...)
	gateway.Ready()
	start := time.Now()
	events := make([]*corev1.Event, *paced)
	for i := range events {
		events[i] = p.newEvent(fmt.Sprintf("storm-%05d", i), "Pod", "BackOff")
	}
	events = p.occur(events...)
	least := time.Duration(*paced-burst) * time.Second / perSecond
	ctx, cancel := context.WithTimeout(t.Context(), 2*least+2*time.Minute)
	defer cancel()
	if err := controlplane.Until(ctx, func(ctx context.Context) error {
		builds, err := p.countSecrets(ctx)
		if err == nil && builds < len(events) {
			err = fmt.Errorf("%d of %d builds", builds, len(events))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	if took < least {
		t.Errorf("%d builds after %s, want no more than %d a second after a burst of %d", len(events), took, perSecond, burst)
	}
	p.wantBuilds(events...)
	gateway.Wait("that builds are held back", func(r daemon.Record) bool { return r.String("limit") == "buildsPerMinute" })
	t.Logf("%d builds in %s, %.1f a second; peak resident memory %s", len(events), took.Round(time.Second),
		float64(len(events))/took.Seconds(), peakMemory(t, gateway.PID()))
}

// countSecrets returns the number of Secrets in the build namespace without reading
// them.
func (p *place) countSecrets(ctx context.Context) (int, error) {
	list, err := plane.Client().CoreV1().Secrets(p.builds).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, err
	}
	count := len(list.Items)
	if list.RemainingItemCount != nil {
		count += int(*list.RemainingItemCount)
	}
	return count, nil
}

// peakMemory returns the peak resident memory of a process from /proc, or why it is
// unknown.
func peakMemory(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err.Error()
	}
	found := regexp.MustCompile(`(?m)^VmHWM:\s+(.*)$`).FindSubmatch(status)
	if found == nil {
		return "not reported"
	}
	return string(found[1])
}
