package install

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// scrapeInterval is how often prometheus scrapes.
const scrapeInterval = time.Second

// prometheus is a running Prometheus that scrapes gateways.
type prometheus struct {
	tb      testing.TB
	process *controlplane.Process
	config  string
	address string
}

// startPrometheus starts Prometheus without anything to scrape.
func startPrometheus(tb testing.TB) *prometheus {
	tb.Helper()
	binary, err := controlplane.Binary("prometheus")
	if err != nil {
		tb.Fatal(err)
	}
	p := &prometheus{tb: tb, config: filepath.Join(tb.TempDir(), "prometheus.yaml")}
	p.configure()
	log := &addressLog{found: make(chan string, 1)}
	p.process, err = plane.Run(controlplane.Program{
		Name: "prometheus", Path: binary, Output: log,
		Args: []string{
			"--config.file=" + p.config, "--storage.tsdb.path=" + filepath.Join(tb.TempDir(), "data"),
			"--web.listen-address=127.0.0.1:0", "--log.format=json",
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.process.Stop(); err != nil {
			tb.Error(err)
		}
	})
	select {
	case p.address = <-log.found:
	case <-p.process.Done():
		tb.Fatal(p.process.Err())
	}
	controlplane.Eventually(tb, func(ctx context.Context) error { return p.get(ctx, "/-/ready", nil) })
	return p
}

// addressLog finds in a log the address that Prometheus listens on.
type addressLog struct {
	mu    sync.Mutex
	text  strings.Builder
	found chan string
}

// listening is what Prometheus logs with its address once it has a port.
var listening = regexp.MustCompile(`"Listening on",[^}]*"address":"([^"]+:[1-9]\d*)"`)

func (l *addressLog) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(data)
	if address := listening.FindStringSubmatch(l.text.String()); address != nil {
		select {
		case l.found <- address[1]:
		default: // it is known
		}
	}
	return len(data), nil
}

// configure writes the configuration: each gateway is a target, with the labels
// that a ServiceMonitor or PodMonitor gives it.
func (p *prometheus) configure(gateways ...*container) {
	p.tb.Helper()
	type target struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	targets := []target{}
	for _, g := range gateways {
		targets = append(targets, target{[]string{g.address}, map[string]string{"namespace": g.pod.Namespace, "pod": g.pod.Name}})
	}
	// JSON is YAML.
	content, err := json.Marshal(map[string]any{
		"global": map[string]any{"scrape_interval": scrapeInterval.String()},
		"scrape_configs": []map[string]any{
			{"job_name": "gateway", "static_configs": targets},
		},
	})
	if err != nil {
		p.tb.Fatal(err)
	}
	if err := os.WriteFile(p.config, content, 0o600); err != nil {
		p.tb.Fatal(err)
	}
}

// scrape has Prometheus scrape these gateways from now on, and no others.
func (p *prometheus) scrape(gateways ...*container) {
	p.tb.Helper()
	p.configure(gateways...)
	if err := p.process.Signal(syscall.SIGHUP); err != nil {
		p.tb.Fatal(err)
	}
}

// sample is a value at a time, as Prometheus writes it: [1435781430.781, "1"].
type sample struct {
	Time  float64
	Value float64
}

// UnmarshalJSON reads Prometheus' form.
func (s *sample) UnmarshalJSON(data []byte) error {
	var pair [2]any
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	at, ok := pair[0].(float64)
	text, isText := pair[1].(string)
	if !ok || !isText {
		return fmt.Errorf("%s is no sample", data)
	}
	value, err := strconv.ParseFloat(text, 64)
	*s = sample{Time: at, Value: value}
	return err
}

// series is a row of a result: what an instant query has under value, a range
// query has under values.
type series struct {
	Metric map[string]string
	Value  sample
	Values []sample
}

// query evaluates an expression now.
func (p *prometheus) query(ctx context.Context, expression string) ([]series, error) {
	return p.result(ctx, "/api/v1/query", url.Values{"query": {expression}})
}

// queryRange evaluates an expression at each scrape between two times.
func (p *prometheus) queryRange(ctx context.Context, expression string, start, end time.Time) ([]series, error) {
	seconds := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
	return p.result(ctx, "/api/v1/query_range", url.Values{
		"query": {expression}, "start": {seconds(start)}, "end": {seconds(end)}, "step": {scrapeInterval.String()},
	})
}

func (p *prometheus) result(ctx context.Context, path string, values url.Values) ([]series, error) {
	var answer struct {
		Data struct{ Result []series }
	}
	if err := p.get(ctx, path+"?"+values.Encode(), &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", values.Get("query"), err)
	}
	found := answer.Data.Result
	for i := range found {
		var numbers []sample
		for _, s := range found[i].Values {
			if !math.IsNaN(s.Value) { // a quantile of nothing
				numbers = append(numbers, s)
			}
		}
		found[i].Values = numbers
	}
	return found, nil
}

// labelValues returns the values of a label of the series that match.
func (p *prometheus) labelValues(ctx context.Context, label, match string) ([]string, error) {
	var answer struct{ Data []string }
	err := p.get(ctx, "/api/v1/label/"+label+"/values?"+url.Values{"match[]": {match}}.Encode(), &answer)
	return answer.Data, err
}

// get reads a path of Prometheus into a value, if one is given.
func (p *prometheus) get(ctx context.Context, path string, into any) error {
	answer, err := controlplane.Get(ctx, "http://"+p.address+path)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}
