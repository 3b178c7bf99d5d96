package chart

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// prometheusRule is the part of a PrometheusRule that the operator passes to
// Prometheus: its spec is a rule file.
type prometheusRule struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       map[string]any `json:"spec"`
}

// The two pods of the release that the value set `everything` installs.
const (
	podA = `namespace="brigade",pod="gateway-5d8f9c7b64-x2x7q"`
	podB = `namespace="brigade",pod="gateway-5d8f9c7b64-9k4lm"`
)

// healthy returns the series of two healthy pods, for fifty minutes with a sample a
// minute, in promtool's notation. The names have no prefix.
func healthy() map[string]string {
	return map[string]string{
		`leader{` + podA + `}`: "1x50",
		`leader{` + podB + `}`: "0x50",
		`events_total{` + podA + `,verdict="reject",by="default"}`: "0+60x50",
		`builds_total{` + podA + `,outcome="created"}`:             "0+5x50",
		`builds_total{` + podA + `,outcome="refused"}`:             "0x50",
		`builds_total{` + podA + `,outcome="dropped"}`:             "0x50",
		`retries_total{` + podA + `,reason="timeout"}`:             "0x50",
		`retries_total{` + podA + `,reason="forbidden"}`:           "0x50",
		`watch_errors_total{` + podA + `}`:                         "0x50",
		`events_unwatched_seconds{` + podA + `}`:                   "0x50",
		`events_unwatched_seconds{` + podB + `}`:                   "0x50",
		`queue_oldest_seconds{` + podA + `}`:                       "2x50",
		`position_age_seconds{` + podA + `}`:                       "5x50",
		`position_unsaved_seconds{` + podA + `}`:                   "0x50",
		`held_back{` + podA + `,limit="buildsPerMinute"}`:          "0x50",
		`held_back{` + podA + `,limit="activeBuilds"}`:             "0x50",
		`expression_faults_total{` + podA + `,by="filters[0]"}`:    "3x50",
		`config_last_reload_successful{` + podA + `}`:              "1x50",
		`config_last_reload_successful{` + podB + `}`:              "1x50",
	}
}

// TestAlerts lets promtool evaluate the rendered rules, for each alert on series on
// which it must fire and on series on which it must not.
func TestAlerts(t *testing.T) {
	tests := map[string]struct {
		series map[string]string // in addition to the healthy ones, or instead of them
		only   bool              // there are no healthy ones
		firing map[string]string // at this minute, these alerts and no others
	}{
		"all is well": {
			firing: map[string]string{"30m": "", "50m": ""},
		},
		"no pod leads": {
			series: map[string]string{`leader{` + podA + `}`: "1x9 0x41"},
			firing: map[string]string{"11m": "", "13m": "NoLeader", "50m": "NoLeader"},
		},
		"all pods are gone": {
			series: map[string]string{`leader{` + podA + `}`: "1x9 stale", `leader{` + podB + `}`: "0x9 stale"},
			firing: map[string]string{"9m": "", "13m": "NoLeader", "29m": "NoLeader NoMetrics", "50m": "NoLeader NoMetrics"},
		},
		"a leader changes within two minutes": {
			series: map[string]string{`leader{` + podA + `}`: "1x9 0x41", `leader{` + podB + `}`: "0x10 1x40"},
			firing: map[string]string{"11m": "", "13m": "", "30m": ""},
		},
		"pods are replaced by an upgrade": {
			series: map[string]string{
				`leader{` + podA + `}`: "1x30 stale", `leader{` + podB + `}`: "0x30 stale",
				`leader{namespace="brigade",pod="gateway-7c8d9-aaaaa"}`: "_x30 0 1x19",
				`leader{namespace="brigade",pod="gateway-7c8d9-bbbbb"}`: "_x30 0x20",
			},
			firing: map[string]string{"31m": "", "33m": "", "50m": ""},
		},
		"nothing was ever scraped": {
			only:   true,
			firing: map[string]string{"14m": "", "16m": "NoMetrics", "50m": "NoMetrics"},
		},
		"series have no label service": {
			firing: map[string]string{"50m": ""},
		},
		"series have other labels than the selector asks for": {
			only: true,
			series: map[string]string{
				`leader{kubernetes_namespace="brigade",kubernetes_pod_name="gateway-5d8f9c7b64-x2x7q"}`: "0x50",
			},
			firing: map[string]string{"10m": "", "20m": "NoMetrics"},
		},
		"another release is in trouble": {
			series: map[string]string{
				`leader{namespace="other",pod="gateway-5d8f9c7b64-x2x7q"}`:                           "0x50",
				`leader{namespace="brigade",pod="gateway-two-5d8f9c7b64-x2x7q"}`:                     "0x50",
				`builds_total{namespace="other",pod="gateway-5d8f9c7b64-x2x7q",outcome="dropped"}`:   "0+5x50",
				`queue_oldest_seconds{namespace="brigade",pod="gateway-two-5d8f9c7b64-x2x7q"}`:       "0+60x50",
				`watch_errors_total{namespace="brigade",pod="gateway-two-5d8f9c7b64-x2x7q"}`:         "0+60x50",
				`events_unwatched_seconds{namespace="brigade",pod="gateway-two-5d8f9c7b64-x2x7q"}`:   "0+60x50",
				`position_age_seconds{namespace="brigade",pod="gateway-two-5d8f9c7b64-x2x7q"}`:       "0+60x50",
				`config_last_reload_successful{namespace="other",pod="gateway-5d8f9c7b64-x2x7q"}`:    "0x50",
				`expression_faults_total{namespace="other",pod="gateway-5d8f9c7b64-x2x7q",by="x"}`:   "0+60x50",
				`position_unsaved_seconds{namespace="other",pod="gateway-5d8f9c7b64-x2x7q"}`:         "0+60x50",
				`held_back{namespace="other",pod="gateway-5d8f9c7b64-x2x7q",limit="activeBuilds"}`:   "1x50",
				`retries_total{namespace="other",pod="gateway-5d8f9c7b64-x2x7q",reason="not-found"}`: "0+60x50",
			},
			firing: map[string]string{"50m": ""},
		},
		"two pods lead": {
			series: map[string]string{`leader{` + podB + `}`: "0x9 1x41"},
			firing: map[string]string{"13m": "", "16m": "TwoLeaders"},
		},
		"two pods lead for as long as a scrape lags": {
			series: map[string]string{`leader{` + podA + `}`: "1x11 0x39", `leader{` + podB + `}`: "0x9 1x41"},
			firing: map[string]string{"12m": "", "20m": ""},
		},
		"one pod is left": {
			series: map[string]string{`leader{` + podB + `}`: "0x9 stale"},
			firing: map[string]string{"30m": "", "41m": "NoStandby"},
		},
		"a build waits for half an hour": {
			series: map[string]string{`queue_oldest_seconds{` + podA + `}`: "0+60x50"},
			firing: map[string]string{"24m": "", "26m": "QueueOld"},
		},
		"a build waits for a quarter of an hour, again and again": {
			series: map[string]string{`queue_oldest_seconds{` + podA + `}`: "0+60x15 0+60x15 0+60x15 0+60x15"},
			firing: map[string]string{"15m": "", "31m": "", "50m": ""},
		},
		"Events cannot be read": {
			series: map[string]string{`watch_errors_total{` + podA + `}`: "0+1x50"},
			firing: map[string]string{"14m": "", "25m": "WatchFailing"},
		},
		"the leader cannot start, and counts no error of a watch": {
			series: map[string]string{`events_unwatched_seconds{` + podA + `}`: "0x9 0+60x40"},
			firing: map[string]string{"11m": "", "14m": "NotWatching", "50m": "NotWatching"},
		},
		"the watch fails, and the leader lists again within two minutes": {
			series: map[string]string{`events_unwatched_seconds{` + podA + `}`: "0 60 120 0 60 120 0 60 120 0 60 120 0 60 120 0x35"},
			firing: map[string]string{"5m": "", "15m": "", "30m": ""},
		},
		"one read fails every four minutes": {
			series: map[string]string{`watch_errors_total{` + podA + `}`: "0 0 0 0 1 1 1 1 2 2 2 2 3 3 3 3 4 4 4 4 5 5 5 5 6 6 6 6 7 7 7 7 8 8 8 8 9 9 9 9"},
			firing: map[string]string{"20m": "", "30m": "", "38m": ""},
		},
		"the position waits while Events arrive": {
			series: map[string]string{`position_age_seconds{` + podA + `}`: "0+60x50"},
			firing: map[string]string{"14m": "", "17m": "PositionStuck"},
		},
		"the position waits in a quiet cluster": {
			series: map[string]string{
				`position_age_seconds{` + podA + `}`:                       "0+60x50",
				`events_total{` + podA + `,verdict="reject",by="default"}`: "7x50",
				`builds_total{` + podA + `,outcome="created"}`:             "7x50",
			},
			firing: map[string]string{"14m": "", "17m": "PositionStuck"},
		},
		"the position of a standby does not matter": {
			series: map[string]string{`position_age_seconds{` + podB + `}`: "0+60x50"},
			firing: map[string]string{"50m": ""},
		},
		"the position waits for a limit": {
			series: map[string]string{
				`position_age_seconds{` + podA + `}`:           "0+60x50",
				`held_back{` + podA + `,limit="activeBuilds"}`: "1x50",
			},
			firing: map[string]string{"29m": "", "40m": "BuildsHeldBack"},
		},
		"the position is not saved": {
			series: map[string]string{`position_unsaved_seconds{` + podA + `}`: "0+60x50"},
			firing: map[string]string{"6m": "", "8m": "PositionUnsaved"},
		},
		"no build can be written": {
			series: map[string]string{
				`retries_total{` + podA + `,reason="forbidden"}`: "0+6x50",
				`builds_total{` + podA + `,outcome="created"}`:   "9x50",
			},
			firing: map[string]string{"9m": "", "15m": "BuildsFailing"},
		},
		"one destination fails while builds succeed": {
			series: map[string]string{
				`retries_total{` + podA + `,destination="knative",reason="network"}`: "0+12x50",
				`builds_total{` + podA + `,destination="knative",outcome="sent"}`:    "0x50",
				`builds_total{` + podA + `,destination="brigade",outcome="created"}`: "0+600x50",
				`retries_total{` + podA + `,destination="brigade",reason="network"}`: "0x50",
			},
			firing: map[string]string{"15m": "BuildsFailing"},
		},
		"a third of the attempts fails": {
			series: map[string]string{`retries_total{` + podA + `,reason="timeout"}`: "0+3x50"},
			firing: map[string]string{"15m": "BuildsFailing"},
		},
		"one attempt fails every four minutes while 600 builds a minute succeed": {
			series: map[string]string{
				`retries_total{` + podA + `,reason="timeout"}`: "0 0 0 0 1 1 1 1 2 2 2 2 3 3 3 3 4 4 4 4 5 5 5 5 6 6 6 6 7 7 7 7 8 8 8 8 9 9 9 9",
				`builds_total{` + podA + `,outcome="created"}`: "0+600x50",
			},
			firing: map[string]string{"15m": "", "30m": "", "38m": ""},
		},
		"one build is refused": {
			series: map[string]string{`builds_total{` + podA + `,outcome="refused"}`: "0x5 1x45"},
			firing: map[string]string{"5m": "", "8m": "BuildsRefused", "30m": ""},
		},
		"builds are dropped": {
			series: map[string]string{`builds_total{` + podA + `,outcome="dropped"}`: "0x5 9x45"},
			firing: map[string]string{"5m": "", "8m": "BuildsDropped", "30m": ""},
		},
		"a limit holds builds back": {
			series: map[string]string{`held_back{` + podA + `,limit="buildsPerMinute"}`: "1x50"},
			firing: map[string]string{"29m": "", "31m": "BuildsHeldBack"},
		},
		"a limit holds builds back from time to time": {
			series: map[string]string{`held_back{` + podA + `,limit="buildsPerMinute"}`: "1x20 0 1x20 0 1x20 0 1x20 0"},
			firing: map[string]string{"29m": "", "50m": ""},
		},
		"an expression fails": {
			series: map[string]string{`expression_faults_total{` + podA + `,by="filters[0]"}`: "3+2x50"},
			firing: map[string]string{"10m": "", "20m": "ExpressionFaults"},
		},
		"builds are paused, and wait": {
			series: map[string]string{
				`paused{` + podA + `}`:                   "1x50",
				`held_back{` + podA + `,limit="paused"}`: "1x50",
				`queue_oldest_seconds{` + podA + `}`:     "0+60x50",
				`position_age_seconds{` + podA + `}`:     "0+60x50",
			},
			firing: map[string]string{"14m": "", "16m": "Paused", "50m": "Paused"},
		},
		"one pod refuses a filter file that another has not read yet": {
			series: map[string]string{`config_last_reload_successful{` + podA + `}`: "1x5 0x45"},
			firing: map[string]string{"9m": "", "12m": "ReloadFailed"},
		},
	}
	var cases []map[string]any
	fired := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		test := tests[name]
		series := map[string]string{}
		if !test.only {
			series = healthy()
		}
		maps.Copy(series, test.series)
		var input []map[string]string
		for _, s := range slices.Sorted(maps.Keys(series)) {
			input = append(input, map[string]string{"series": "brigade_k8s_gateway_" + s, "values": series[s]})
		}
		var asked []map[string]any
		for _, at := range slices.Sorted(maps.Keys(test.firing)) {
			var samples []map[string]any
			for alert := range strings.FieldsSeq(test.firing[at]) {
				fired[alert] = true
				// All labels except limit, reason and by.
				labels := fmt.Sprintf(`{alertname="BrigadeGateway%s",namespace="brigade",service="gateway",team="platform",severity=%q}`, alert, severity(alert))
				samples = append(samples, map[string]any{"labels": labels, "value": 1})
			}
			asked = append(asked, map[string]any{
				"expr":        `sum without (alertstate, by, destination, limit, reason) (ALERTS{alertstate="firing"})`,
				"eval_time":   at,
				"exp_samples": samples,
			})
		}
		cases = append(cases, map[string]any{"name": name, "interval": "1m", "input_series": input, "promql_expr_test": asked})
	}
	rules, err := os.ReadFile(rulesFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`alert: BrigadeGateway(\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !fired[match[1]] {
			t.Errorf("no test makes %s fire", match[1])
		}
	}
	file := writeYAML(t, map[string]any{"rule_files": []string{rulesFile(t)}, "evaluation_interval": "1m", "tests": cases})
	promtool(t, "test", "rules", file)
}

// severity returns the severity of an alert in the value set `everything`.
func severity(alert string) string {
	switch alert {
	case "NoLeader", "NotWatching":
		return "critical"
	case "ExpressionFaults":
		return "info"
	case "BuildsDropped":
		return "page" // the value set says so
	default:
		return "warning"
	}
}

func TestAlertsLint(t *testing.T) {
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", rulesFile(t))
}

// The texts of alerts with a number in them.
func TestAlertsSay(t *testing.T) {
	const runbooks = "https://github.com/brigadecore/brigade-k8s-gateway/blob/main/docs/operations.md#"
	labels := map[string]string{"severity": "warning", "namespace": "brigade", "service": "gateway", "team": "platform"}
	withReason := maps.Clone(labels)
	withReason["reason"], withReason["destination"] = "forbidden", "brigade"
	series := []map[string]string{
		{"series": `brigade_k8s_gateway_leader{` + podA + `}`, "values": "1x60"},
		{"series": `brigade_k8s_gateway_leader{` + podB + `}`, "values": "0x60"},
		{"series": `brigade_k8s_gateway_retries_total{` + podA + `,destination="brigade",reason="forbidden"}`, "values": "0+6x60"},
		{"series": `brigade_k8s_gateway_queue_oldest_seconds{` + podA + `}`, "values": "0+60x60"},
	}
	expect := func(alert string, labels map[string]string, summary, description string) map[string]any {
		return map[string]any{"eval_time": "30m", "alertname": "BrigadeGateway" + alert, "exp_alerts": []map[string]any{{
			"exp_labels": labels,
			"exp_annotations": map[string]string{
				"summary": summary, "description": description, "runbook_url": runbooks + "brigadegateway" + strings.ToLower(alert),
			},
		}}}
	}
	file := writeYAML(t, map[string]any{
		"rule_files": []string{rulesFile(t)}, "evaluation_interval": "1m",
		"tests": []map[string]any{{"interval": "1m", "input_series": series, "alert_rule_test": []map[string]any{
			expect("BuildsFailing", withReason, "Brigade gateway brigade/gateway cannot write builds or send messages.",
				"100% of the attempts at destination brigade fail with forbidden. Each build and message is retried until it succeeds."),
			expect("QueueOld", labels, "A build of Brigade gateway brigade/gateway waits too long.",
				"The oldest accepted build has waited for 30m 0s. A limit holds it back, or it cannot be written."),
		}}},
	})
	promtool(t, "test", "rules", file)
}

// Each alert has a runbook that starts with a command.
func TestAlertsHaveRunbooks(t *testing.T) {
	rules, err := os.ReadFile(rulesFile(t))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		_, section, found := strings.Cut(string(page), "\n### "+match[1]+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		if !found || !strings.Contains(section, "\n    kubectl ") {
			t.Errorf("docs/operations.md has no section %s with a command to paste", match[1])
		}
	}
}

// What runbooks search the log for is in a log message of the gateway, and the metrics
// they search for exist.
func TestRunbooksSearchForWhatThereIs(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	err = filepath.WalkDir("../../pkg", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		source.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	texts := strings.Join(regexp.MustCompile(`"[^"\n]+"`).FindAllString(source.String(), -1), "\n")
	searches := regexp.MustCompile(`(?m)^    kubectl (logs|get --raw).*\| grep (?:-[iE] )?(?:'([^']+)'|(\S+))`).FindAllStringSubmatch(string(page), -1)
	if len(searches) < 10 {
		t.Fatalf("only %d searches: the pattern of this test is wrong", len(searches))
	}
	for _, search := range searches {
		for text := range strings.SplitSeq(strings.ReplaceAll(search[2]+search[3], `\|`, "|"), "|") {
			if text != "reflector" && !strings.Contains(texts, text) { // that one is client-go's
				t.Errorf("%s: nothing in pkg says %q", search[0], text)
			}
		}
	}
}

// An alert that is switched off is not rendered, and the others are.
func TestAlertsOff(t *testing.T) {
	rendered := render(t, "--set", "project=p,metrics.prometheusRule.enabled=true,metrics.prometheusRule.alerts.noLeader.enabled=false,replicas=1")
	for alert, want := range map[string]bool{"NoLeader": false, "NoStandby": false, "TwoLeaders": true} {
		if got := strings.Contains(rendered, "alert: BrigadeGateway"+alert+"\n"); got != want {
			t.Errorf("%s is rendered: %t, want %t", alert, got, want)
		}
	}
}

// rulesFile writes the rendered alerts as Prometheus reads them.
func rulesFile(t *testing.T) string {
	t.Helper()
	rules := objects[prometheusRule](t, render(t, "--values", "testdata/values/everything.yaml"), "PrometheusRule")
	if len(rules) != 1 {
		t.Fatalf("%d PrometheusRules, want 1", len(rules))
	}
	return writeYAML(t, rules[0].Spec)
}

func writeYAML(t *testing.T, content any) string {
	t.Helper()
	data, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	binary, err := controlplane.Binary("promtool")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}
