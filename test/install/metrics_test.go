package install

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/docs"
)

// prefix begins the names of the gateway's metrics.
const prefix = "brigade_k8s_gateway_"

// wantDocumentedMetrics fails the test unless a scrape has samples of each
// metric in the table of docs/operations.md, of the type in the table.
func (c *container) wantDocumentedMetrics() {
	c.tb.Helper()
	scrape, err := c.get(c.tb.Context(), "/metrics")
	c.must(err)
	for name, kind := range documentedMetrics(c.tb) {
		// The type is exposed only where there are samples.
		if want := "# TYPE " + prefix + name + " " + kind; !strings.Contains(scrape, want+"\n") {
			c.tb.Errorf("no %q in /metrics", want)
		}
	}
}

// documentedMetrics returns the types of metrics by name.
func documentedMetrics(tb testing.TB) map[string]string {
	tb.Helper()
	section := docs.Section(tb, "docs/operations.md", "Metrics")
	metrics := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(section, -1) {
		metrics[row[1]] = row[2]
	}
	if len(metrics) == 0 {
		tb.Fatal("docs/operations.md has no table of metrics")
	}
	return metrics
}

// wantMetric waits until the metric has the value, which may change a moment after its
// cause.
func (c *container) wantMetric(metric string, value int) {
	c.tb.Helper()
	controlplane.Eventually(c.tb, func(ctx context.Context) error {
		scrape, err := c.get(ctx, "/metrics")
		if err != nil {
			return err
		}
		line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(prefix+metric) + ` (.*)$`).FindString(scrape)
		if want := fmt.Sprintf("%s%s %d", prefix, metric, value); line != want {
			return fmt.Errorf("%q in /metrics of %s, want %q", line, c.pod.Name, want)
		}
		return nil
	})
}
