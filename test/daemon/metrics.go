package daemon

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// metricsPrefix begins the names of the gateway's own metrics.
const metricsPrefix = "brigade_k8s_gateway_"

// scrapeTimeout is the deadline of one scrape.
const scrapeTimeout = 10 * time.Second

// Address returns the address of the gateway's metrics. The gateway must have been
// started with --listen; port 0 is a free port.
func (d *Daemon) Address() string {
	d.tb.Helper()
	return d.Wait("the address of its port", func(r Record) bool { return r.Message() == "serving metrics and health" }).String("address")
}

// Metrics is one scrape of /metrics: the value of each series, by
// `name{label="value"}`.
type Metrics map[string]float64

// Metrics reads /metrics.
func (d *Daemon) Metrics() Metrics {
	d.tb.Helper()
	m, err := scrape(d.tb.Context(), d.Address())
	if err != nil {
		d.tb.Fatalf("reading the gateway's metrics: %v\n%s", err, d.Log())
	}
	return m
}

func scrape(ctx context.Context, address string) (Metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	body, err := controlplane.Get(ctx, "http://"+address+"/metrics")
	if err != nil {
		return nil, err
	}
	m := Metrics{}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("line %q of /metrics: %w", line, err)
		}
		m[line[:i]] = value
	}
	return m, nil
}

// Of returns the value of one of the gateway's own metrics, given without the
// common prefix: the sum over all its series that have the given labels, each
// of the form `name="value"`.
func (m Metrics) Of(name string, labels ...string) float64 {
	var sum float64
	for series, value := range m {
		own, rest, _ := strings.Cut(series, "{")
		lacks := func(label string) bool { return !strings.Contains(rest, label) }
		if own == metricsPrefix+name && !slices.ContainsFunc(labels, lacks) {
			sum += value
		}
	}
	return sum
}

// AwaitMetric waits until one of the gateway's own metrics has the given value;
// see Metrics.Of.
func (d *Daemon) AwaitMetric(want float64, name string, labels ...string) {
	d.tb.Helper()
	d.AwaitMetrics(func(m Metrics) error {
		if got := m.Of(name, labels...); got != want {
			return fmt.Errorf("%s%v is %g, want %g", name, labels, got, want)
		}
		return nil
	})
}

// AwaitMetrics reads /metrics until ready returns no error.
func (d *Daemon) AwaitMetrics(ready func(Metrics) error) {
	d.tb.Helper()
	address := d.Address()
	controlplane.Eventually(d.tb, func(ctx context.Context) error {
		m, err := scrape(ctx, address)
		if err != nil {
			return err
		}
		return ready(m)
	})
}
