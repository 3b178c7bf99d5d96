package delivery

import (
	"testing"
	"testing/synctest"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

func TestMetricsShowFlows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits = limit.Limits{BuildsPerMinute: 1, Burst: 1, Queued: 100} })
		wants := func(flows, longest float64) {
			t.Helper()
			synctest.Wait()
			if f, l := h.shows("queue_flows"), h.shows("queue_longest_flow"); f != flows || l != longest {
				t.Errorf("%v flows wait, the longest with %v, want %v with %v", f, l, flows, longest)
			}
		}
		wants(0, 0)
		h.run()
		h.many("noisy", 5)
		wants(1, 4) // one is written at once
		h.many("quiet", 2)
		wants(2, 4)
		h.stop()
		h.Close()
		wants(0, 0)
	})
}
