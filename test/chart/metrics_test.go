package chart

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// The gateway has all metrics that alerts and dashboard use.
func TestMetricsExist(t *testing.T) {
	rendered := render(t, "--values", "testdata/values/everything.yaml")
	asked := map[string]bool{}
	for _, name := range regexp.MustCompile(`brigade_k8s_gateway_[a-z_]+`).FindAllString(rendered, -1) {
		asked[strings.TrimSuffix(name, "_bucket")] = true
	}
	has := registered(t)
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if !has[name] {
			t.Errorf("%s is asked for and not there", name)
		}
	}
}

// registered returns the names of the metrics that a gateway registers.
func registered(t *testing.T) map[string]bool {
	t.Helper()
	names := descriptions{}
	gateway.New(gateway.Options{
		Registerer: prometheus.WrapRegistererWithPrefix("brigade_k8s_gateway_", names),
		Config:     config.Observe(), Log: slog.New(slog.DiscardHandler),
	})
	if len(names) == 0 {
		t.Fatal("the gateway registers nothing")
	}
	return names
}

// descriptions is a registerer that records names, because a metric with labels is not
// gathered until it has a value.
type descriptions map[string]bool

func (d descriptions) Register(c prometheus.Collector) error {
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		c.Describe(described)
	}()
	fqName := regexp.MustCompile(`fqName: "([^"]+)"`)
	for desc := range described {
		d[fqName.FindStringSubmatch(desc.String())[1]] = true
	}
	return nil
}

func (d descriptions) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		_ = d.Register(c) // has no error
	}
}

func (descriptions) Unregister(prometheus.Collector) bool { return false }

// Grafana ignores what it cannot read.
func TestDashboardIsJSON(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(helm.Chart, "dashboards", "gateway.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		UID    string
		Panels []struct {
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct {
				Expr    string
				Instant bool
			}
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.UID == "" || len(dashboard.Panels) == 0 {
		t.Errorf("no UID or no panels: %+v", dashboard)
	}
	const release = `namespace="$namespace",pod=~"$gateway-[a-z0-9]+-[a-z0-9]+"`
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			if panel.Type == "stat" && !target.Instant {
				t.Errorf("%s: shows the last value of the time range after the series has ended", panel.Title)
			}
			if !strings.Contains(target.Expr, release) {
				t.Errorf("%s: %s is not limited to the chosen release by %s", panel.Title, target.Expr, release)
			}
		}
		if panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("%s: reaches beyond the 24 columns of the grid", panel.Title)
		}
	}
}

// Each release has a dashboard with a UID of its own.
func TestDashboardPerRelease(t *testing.T) {
	uid := regexp.MustCompile(`"uid": "([0-9a-f]{16})"`)
	seen := map[string]bool{}
	for _, name := range []string{"one", "two"} {
		rendered := render(t, "--set", "project=p,metrics.dashboard.enabled=true,fullnameOverride="+name)
		found := uid.FindStringSubmatch(rendered)
		if len(found) < 2 || seen[found[1]] || !strings.Contains(rendered, `"title": "Brigade Kubernetes gateway brigade/`+name+`"`) {
			t.Errorf("release %s has the dashboard %v", name, found)
			continue
		}
		seen[found[1]] = true
	}
}

// Prometheus parses each query of the dashboard.
func TestDashboardQueriesParse(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(helm.Chart, "dashboards", "gateway.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	var rules []map[string]string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expression := strings.NewReplacer("$__rate_interval", "5m", "$namespace", "brigade", "$gateway", "gateway").Replace(target.Expr)
			rules = append(rules, map[string]string{"record": fmt.Sprintf("panel:query:%d", len(rules)), "expr": expression})
		}
	}
	file := writeYAML(t, map[string]any{"groups": []map[string]any{{"name": "dashboard", "rules": rules}}})
	promtool(t, "check", "rules", file)
}
