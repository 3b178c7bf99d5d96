package install

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

var dashboardOut = flag.String("dashboard", "", "write what the dashboard's panels show to this file, for hack/plot")

// dashboard is the Grafana dashboard as it is installed.
type dashboard struct {
	Panels     []*panel
	Templating struct {
		List []struct {
			Name  string
			Query json.RawMessage // a text where the variable is a data source
			Regex string
		}
	}
	Annotations struct {
		List []struct{ Expr string }
	}
}

// panel is a panel of it, and what it shows.
type panel struct {
	ID          int
	Title       string
	Description string
	Type        string
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []step }
		}
	}
	Targets []*query
}

type step struct {
	Color string
	Value *float64
}

type query struct {
	RefID        string
	Expr         string
	LegendFormat string
	Series       []line
}

// line is a series of a panel, with its name in the legend.
type line struct {
	Name   string
	Points [][2]float64 // seconds since the start, value
}

// color returns the color that a value has in a panel.
func (p *panel) color(value float64) string {
	color := ""
	for _, s := range p.FieldConfig.Defaults.Thresholds.Steps {
		if s.Value == nil || value >= *s.Value {
			color = s.Color
		}
	}
	return color
}

// moment is something that the test did.
type moment struct {
	At   float64
	What string
}

// show is a dashboard over a Prometheus, with Grafana's variables replaced.
type show struct {
	tb         testing.TB
	prometheus *prometheus
	dashboard  dashboard
	replace    *strings.Replacer
	start      time.Time
	moments    []moment
}

// newShow reads the dashboard that a release has installed.
func newShow(tb testing.TB, r *release, p *prometheus) *show {
	tb.Helper()
	name := r.deployment().Name
	object, err := plane.Client().CoreV1().ConfigMaps(r.namespace).Get(tb.Context(), name+"-dashboard", metav1.GetOptions{})
	r.must(err)
	s := &show{tb: tb, prometheus: p, start: time.Now()}
	r.must(json.Unmarshal([]byte(object.Data[name+".json"]), &s.dashboard))
	// Grafana's own rule for the window of a rate.
	window := 4 * scrapeInterval
	s.replace = strings.NewReplacer("$__rate_interval", window.String(), "$namespace", r.namespace, "$gateway", name)
	return s
}

// mark notes what is done now.
func (s *show) mark(what string) {
	s.moments = append(s.moments, moment{time.Since(s.start).Seconds(), what})
}

// panel returns the panel with a title.
func (s *show) panel(title string) *panel {
	s.tb.Helper()
	i := slices.IndexFunc(s.dashboard.Panels, func(p *panel) bool { return p.Title == title })
	if i < 0 {
		s.tb.Fatalf("the dashboard has no panel %q", title)
	}
	return s.dashboard.Panels[i]
}

// await waits until the panel shows, under a name of its legend, a value that is
// as expected.
func (s *show) await(title, legend, expected string, is func(float64) bool) {
	s.tb.Helper()
	p := s.panel(title)
	controlplane.Eventually(s.tb, func(ctx context.Context) error {
		var seen []string
		for _, q := range p.Targets {
			found, err := s.prometheus.query(ctx, s.replace.Replace(q.Expr))
			if err != nil {
				return err
			}
			for i := range found {
				name := q.name(found[i].Metric)
				if name == legend && is(found[i].Value.Value) {
					return nil
				}
				seen = append(seen, fmt.Sprintf("%s=%g", name, found[i].Value.Value))
			}
		}
		return fmt.Errorf("panel %q shows %v, want %s to be %s", title, seen, legend, expected)
	})
}

// awaitColor waits until a panel of one figure has a value, and its color.
func (s *show) awaitColor(title string, value float64, color string) {
	s.tb.Helper()
	s.await(title, "", fmt.Sprint(value), func(v float64) bool { return v == value })
	if got := s.panel(title).color(value); got != color {
		s.tb.Errorf("panel %q is %s at %g, want %s", title, got, value, color)
	}
}

func (s *show) awaitSome(title, legend string) {
	s.tb.Helper()
	s.await(title, legend, "more than 0", func(v float64) bool { return v > 0 })
}

// name returns what the legend calls a series.
func (q *query) name(labels map[string]string) string {
	return regexp.MustCompile(`\{\{(\w+)\}\}`).ReplaceAllStringFunc(q.LegendFormat, func(label string) string {
		return labels[strings.Trim(label, "{}")]
	})
}

// read fills the panels with what they show over the whole time. Every query of
// every panel must have shown something else than 0 at some time.
func (s *show) read() {
	s.tb.Helper()
	end := time.Now()
	for _, p := range s.dashboard.Panels {
		for _, q := range p.Targets {
			found, err := s.prometheus.queryRange(s.tb.Context(), s.replace.Replace(q.Expr), s.start, end)
			if err != nil {
				s.tb.Fatal(err)
			}
			shown := false
			for i := range found {
				l := line{Name: q.name(found[i].Metric)}
				for _, sample := range found[i].Values {
					l.Points = append(l.Points, [2]float64{sample.Time - float64(s.start.UnixMilli())/1000, sample.Value})
					shown = shown || sample.Value != 0
				}
				q.Series = append(q.Series, l)
			}
			// A watch that fails needs an API server that does, which all tests share.
			if !shown && q.LegendFormat != "errors" {
				s.tb.Errorf("panel %q: %s has shown nothing: %v", p.Title, q.Expr, q.Series)
			}
		}
	}
}

// write writes the panels to a file.
func (s *show) write(path string) {
	s.tb.Helper()
	content, err := json.Marshal(map[string]any{
		"seconds": time.Since(s.start).Seconds(), "moments": s.moments, "panels": s.dashboard.Panels,
	})
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
}

// wantVariables fails the test unless the dashboard's variables find the release.
func (s *show) wantVariables(r *release) {
	s.tb.Helper()
	want := map[string]string{"namespace": r.namespace, "gateway": r.deployment().Name}
	for _, v := range s.dashboard.Templating.List {
		var q struct{ Query string }
		if v.Name == "datasource" {
			continue
		}
		if err := json.Unmarshal(v.Query, &q); err != nil {
			s.tb.Fatal(err)
		}
		parts := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(q.Query)
		if parts == nil {
			s.tb.Fatalf("variable %s has the query %q", v.Name, q.Query)
		}
		values, err := s.prometheus.labelValues(s.tb.Context(), parts[2], s.replace.Replace(parts[1]))
		if err != nil {
			s.tb.Fatal(err)
		}
		if v.Regex != "" {
			pattern := regexp.MustCompile(strings.Trim(v.Regex, "/"))
			for i, value := range values {
				values[i] = pattern.ReplaceAllString(value, "$1")
			}
		}
		if values = slices.Compact(values); len(values) != 1 || values[0] != want[v.Name] {
			s.tb.Errorf("variable %s offers %v, want %s", v.Name, values, want[v.Name])
		}
	}
}

// wantAnnotations fails the test unless each annotation was shown at some time.
func (s *show) wantAnnotations() {
	s.tb.Helper()
	for _, a := range s.dashboard.Annotations.List {
		found, err := s.prometheus.queryRange(s.tb.Context(), s.replace.Replace(a.Expr), s.start, time.Now())
		if err != nil {
			s.tb.Fatal(err)
		}
		if len(found) == 0 {
			s.tb.Errorf("no annotation was shown: %s", a.Expr)
		}
	}
}

// occurrences creates Events in a namespace until the test ends: about Pods,
// which the filters accept or reject, and about Jobs, on which an expression fails.
func occurrences(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	t.Cleanup(func() { cancel(); <-stopped })
	go func() {
		defer close(stopped)
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			of := []struct{ kind, reason string }{{"Pod", "BackOff"}, {"Pod", "Killing"}, {"Job", "BackoffLimitExceeded"}}[i%3]
			now := metav1.Now()
			_, err := plane.Client().CoreV1().Events(namespace).Create(ctx, &corev1.Event{
				ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("occurrence-%d", i)},
				InvolvedObject: corev1.ObjectReference{Kind: of.kind, Namespace: namespace, Name: fmt.Sprintf("object-%d", i)},
				Reason:         of.reason, Type: corev1.EventTypeWarning, Source: corev1.EventSource{Component: "test"},
				FirstTimestamp: now, LastTimestamp: now, Count: 1,
			}, metav1.CreateOptions{})
			if err != nil && ctx.Err() == nil {
				t.Errorf("creating an Event: %v", err)
			}
		}
	}()
}

// TestDashboard runs the queries of the dashboard that a release has installed, with a
// Prometheus that scrapes the release's pods, through everything that the dashboard
// shows: limits, drops, a pause, a fault in the filter file, missing rights, and an
// outage. `make dashboard` draws what the panels showed.
func TestDashboard(t *testing.T) {
	t.Parallel()
	watched, builds := newNamespace(t, "rachel"), newNamespace(t, "rachel-builds")
	r := newRelease(t, "crow", brigadeNamespace)
	// The builds are in a namespace that Brigade does not watch, so they start no workers.
	values := func(more string) string {
		return `
project: melville/rachel
buildNamespace: ` + builds + `
watch: {namespaces: [` + watched + `]}
logRejectedPerSecond: 1
leaderElection: {leaseDurationSeconds: 4, renewDeadlineSeconds: 3, retryPeriodSeconds: 1}
metrics: {dashboard: {enabled: true}}
filters:
  - {kind: Job, expression: 'event.metadata.annotations["loud"] == "true"', action: accept}
  - {kind: Pod, reasons: [Killing], action: reject}
  - {kind: Pod, action: accept}
` + more
	}
	r.install(values("limits: {buildsPerMinute: 6000, burst: 100}"))
	monitoring := startPrometheus(t)
	s := newShow(t, r, monitoring)
	var pods []*container
	run := func() {
		pods = nil
		stored := r.pods()
		for i := range stored {
			pods = append(pods, runPod(t, &stored[i]))
		}
		monitoring.scrape(pods...)
	}
	sync := func(more string) {
		r.upgrade(values(more))
		for _, pod := range pods {
			pod.sync()
		}
	}

	s.mark("at work")
	run()
	s.awaitColor("Leaders", 1, "green")
	s.awaitColor("Pods", 2, "green")
	s.awaitColor("Paused", 0, "green")
	s.awaitColor("Filter file", 1, "green")
	s.wantVariables(r)
	occurrences(t, watched)
	s.awaitSome("Events by verdict", "accept")
	s.awaitSome("Events by verdict", "reject")
	s.awaitSome("Events by what decided", "filters[1]")
	s.awaitSome("Builds by outcome", "created")
	s.awaitSome("From receipt to build", "p99")
	s.awaitSome("From occurrence to build", "p99")
	s.awaitSome("Expression faults", "filters[0]")
	s.awaitSome("Rejected Events not logged", "not logged")

	s.mark("a limit")
	sync("limits: {buildsPerMinute: 30, burst: 1, queued: 20}")
	s.awaitSome("Waiting builds", "")
	s.awaitSome("Oldest waiting", "")
	s.awaitSome("Held back by limit", "buildsPerMinute")
	s.awaitSome("Position", "age")
	s.awaitSome("Builds that are lost", "dropped")

	s.mark("paused")
	sync("limits: {buildsPerMinute: 6000, burst: 100, queued: 1000}\npaused: true")
	s.awaitColor("Paused", 1, "orange")
	s.awaitSome("Held back by limit", "paused")

	s.mark("a wrong file")
	sync("limits: {buildsPerMinute: 6000, burst: 100, queued: 1000}")
	// Two changes at once would be read as one, and the last good file would be paused.
	s.awaitColor("Paused", 0, "green")
	r.edit("kind: Job", "knd: Job")
	for _, pod := range pods {
		pod.sync()
	}
	s.awaitColor("Filter file", 0, "red")

	s.mark("no rights")
	restore := r.takeRights(about("secrets", "configmaps"))
	s.awaitSome("Retries by destination and reason", "brigade: forbidden")
	s.awaitSome("Position", "unsaved")
	s.awaitSome("Position unsaved", "")
	restore()
	s.await("Position unsaved", "", "0", func(v float64) bool { return v == 0 })

	s.mark("leader killed")
	restore = r.takeRights(about("events"))
	killed := s.leads(pods)
	pods[killed].Kill()
	s.await("Leader by pod", pods[1-killed].pod.Name, "1", func(v float64) bool { return v == 1 })
	s.awaitSome("Not watched", "")
	restore()
	s.await("Not watched", "", "0", func(v float64) bool { return v == 0 })

	s.mark("healed")
	r.edit("knd: Job", "kind: Job")
	for _, pod := range pods {
		pod.sync()
	}
	s.awaitColor("Filter file", 1, "green")
	s.awaitSome("Builds by outcome", "created")

	s.mark("all pods gone")
	r.scale(0)
	for _, pod := range pods {
		pod.Kill()
	}
	monitoring.scrape()
	s.awaitColor("Leaders", 0, "red")
	s.awaitColor("Pods", 0, "red")
	s.await("Leaders", "", "0 for some time", s.after(5*scrapeInterval))

	s.mark("back")
	r.scale(2)
	run()
	s.awaitColor("Leaders", 1, "green")
	s.awaitColor("Pods", 2, "green")
	s.awaitSome("Builds by outcome", "created")
	s.await("Leaders", "", "1 for some time", s.after(5*scrapeInterval))

	s.read()
	s.wantAnnotations()
	if *dashboardOut != "" {
		s.write(*dashboardOut)
	}
}

// leads returns which of the pods leads.
func (s *show) leads(pods []*container) int {
	s.tb.Helper()
	found, err := s.prometheus.query(s.tb.Context(), s.replace.Replace(s.panel("Leader by pod").Targets[0].Expr))
	if err != nil {
		s.tb.Fatal(err)
	}
	return slices.IndexFunc(pods, func(c *container) bool {
		return slices.ContainsFunc(found, func(s series) bool { return s.Metric["pod"] == c.pod.Name && s.Value.Value == 1 })
	})
}

// after returns a condition that is true when Prometheus has run for some time, so
// that the pictures have something to show.
func (s *show) after(d time.Duration) func(float64) bool {
	begin := time.Now()
	return func(float64) bool { return time.Since(begin) > d }
}

// scale scales the release's Deployment and waits for its pods.
func (r *release) scale(replicas int) {
	r.tb.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	_, err := plane.Client().AppsV1().Deployments(r.namespace).Patch(r.tb.Context(), r.deployment().Name, types.MergePatchType, patch, metav1.PatchOptions{})
	r.must(err)
	controlplane.Eventually(r.tb, func(context.Context) error {
		if pods := r.pods(); len(pods) != replicas || slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Status.Phase != corev1.PodRunning }) { //nolint:contextcheck // it takes the test's own context
			return fmt.Errorf("%d pods, want %d that run", len(pods), replicas)
		}
		return nil
	})
}
