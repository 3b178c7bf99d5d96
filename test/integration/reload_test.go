package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// mount is a folder with a ConfigMap as a kubelet mounts it: the file is a symlink
// into ..data, which is a symlink that is replaced atomically.
type mount struct {
	tb     testing.TB
	folder string
	count  int
}

func newMount(tb testing.TB, content string) *mount {
	tb.Helper()
	m := &mount{tb: tb, folder: tb.TempDir()}
	m.swap(content)
	if err := os.Symlink(filepath.Join("..data", "filters.yaml"), m.file()); err != nil {
		tb.Fatal(err)
	}
	return m
}

func (m *mount) file() string { return filepath.Join(m.folder, "filters.yaml") }

// swap replaces the content.
func (m *mount) swap(content string) {
	m.tb.Helper()
	m.count++
	version := filepath.Join(m.folder, "..version-"+strings.Repeat("i", m.count))
	next := filepath.Join(m.folder, "..data_tmp")
	for _, err := range []error{
		os.Mkdir(version, 0o700),
		os.WriteFile(filepath.Join(version, "filters.yaml"), []byte(content), 0o600),
		os.Symlink(filepath.Base(version), next),
		os.Rename(next, filepath.Join(m.folder, "..data")),
	} {
		if err != nil {
			m.tb.Fatal(err)
		}
	}
}

func TestAChangedFilterFileTakesEffectAndABrokenOneDoesNot(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "reload")
	file := newMount(t, acceptPods)
	gateway := daemon.Start(t, "--kubeconfig", p.kubeconfig, "--namespace", p.watched, "--build-namespace", p.builds,
		"--config", file.file(), "--listen", "127.0.0.1:0")
	gateway.Ready()
	address := gateway.Wait("its port", func(r daemon.Record) bool { return r.String("address") != "" }).String("address")
	var accepted []*corev1.Event
	first := p.occur(p.newEvent("pod-1", "Pod", "BackOff"), p.newEvent("job-1", "Job", "Completed"))
	accepted = append(accepted, first[0])
	p.wantBuilds(accepted...)

	file.swap(strings.Replace(acceptPods, "kind: Pod", "kind: Jbo\n    acton: accept", 1))
	r := gateway.Wait("the refusal", func(r daemon.Record) bool { return strings.HasPrefix(r.Message(), "filter file refused") })
	if !strings.Contains(r.String("err"), "filters.yaml:5:5: filters[0]") {
		t.Errorf("refused with %q, want the place of the fault", r.String("err"))
	}
	wantMetric(t, address, "brigade_k8s_gateway_config_last_reload_successful 0")
	second := p.occur(p.newEvent("pod-2", "Pod", "BackOff"), p.newEvent("job-2", "Job", "Completed"))
	accepted = append(accepted, second[0])
	p.wantBuilds(accepted...)

	file.swap(strings.Replace(acceptPods, "kind: Pod", "kind: Job", 1))
	gateway.Wait("the change", func(r daemon.Record) bool { return strings.HasPrefix(r.Message(), "filter file loaded") })
	third := p.occur(p.newEvent("pod-3", "Pod", "BackOff"), p.newEvent("job-3", "Job", "Completed"))
	// Which list decides on an Event that occurs during the change is not promised,
	// but each Event is decided once and none is lost.
	gateway.Wait("a job's event", daemon.WithMessage("Processing "+p.watched+"/job-3"))
	gateway.Wait("a pod's event", daemon.WithMessage("Processing "+p.watched+"/pod-3"))
	for i, name := range []string{"pod-3", "job-3"} {
		records := gateway.Records(daemon.WithMessage("Processing " + p.watched + "/" + name))
		if len(records) == 0 {
			t.Fatalf("%s was not decided", name)
		}
		if records[len(records)-1].String("verdict") == "accept" {
			accepted = append(accepted, third[i])
		}
	}
	fourth := p.occur(p.newEvent("pod-4", "Pod", "BackOff"), p.newEvent("job-4", "Job", "Completed"))
	accepted = append(accepted, fourth[1])
	p.wantBuilds(accepted...)
	wantMetric(t, address, "brigade_k8s_gateway_config_last_reload_successful 1")
	wantMetric(t, address, "brigade_k8s_gateway_config_generation 2")
	wantOK(t, address, "/readyz")
	wantOK(t, address, "/healthz")
}

// wantMetric fails the test unless /metrics shows the given line.
func wantMetric(t *testing.T, address, line string) {
	t.Helper()
	if body := wantOK(t, address, "/metrics"); !strings.Contains(body, "\n"+line+"\n") {
		t.Errorf("no %q in /metrics", line)
	}
}

// wantOK returns the answer of the gateway's port, and fails the test if the status is
// not 200.
func wantOK(t *testing.T, address, path string) string {
	t.Helper()
	body, err := controlplane.Get(t.Context(), "http://"+address+path)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestEditsOfTheFilterFile edits the file again and again while builds wait for
// the pace. No edit fills the bucket again or reads an Event again.
func TestEditsOfTheFilterFile(t *testing.T) {
	t.Parallel()
	const edits, burst, waiting = 5, 5, 40
	p := newPlace(t, "edits")
	filters := fmt.Sprintf("project: deis/empty-testbed\nlimits: {buildsPerMinute: 1, burst: %d}\nfilters:\n  - {kind: Pod, action: accept}\n", burst)
	file := write(t, "edited.yaml", filters)
	began := time.Now()
	gateway := daemon.Start(t, append(p.flagsOf(file), "--listen", "127.0.0.1:0")...)
	gateway.Ready()
	events := make([]*corev1.Event, waiting)
	for i := range events {
		events[i] = p.newEvent(fmt.Sprintf("n-%03d", i), "Pod", "BackOff")
	}
	p.occur(events...)
	gateway.AwaitMetric(waiting-burst, "queue_depth")
	for edit := 1; edit <= edits; edit++ {
		kind := fmt.Sprint("Kind", edit)
		filters += "  - {kind: " + kind + ", action: reject}\n"
		if err := os.WriteFile(file, []byte(filters), 0o600); err != nil {
			t.Fatal(err)
		}
		gateway.AwaitMetric(float64(edit+1), "config_generation")
		// The new list is in use when it decides.
		by := fmt.Sprintf("filters[%d]", edit)
		for probe := 0; gateway.Metrics().Of("events_total", `by="`+by+`"`) == 0; probe++ {
			p.occur(p.newEvent(fmt.Sprintf("probe-%d-%d", edit, probe), kind, "Probed"))
		}
	}
	builds, err := p.countSecrets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if most := burst + int(time.Since(began).Minutes()); builds > most {
		t.Errorf("%d builds after %d edits, want no more than %d", builds, edits, most)
	}
	read := map[string]int{}
	for _, r := range gateway.Records(func(r daemon.Record) bool { return strings.HasPrefix(r.Message(), "Processing "+p.watched+"/n-") }) {
		read[r.Message()]++
	}
	for message, times := range read {
		if times > 1 {
			t.Errorf("%q was logged %d times, want once", message, times)
		}
	}
	if accepted := gateway.Metrics().Of("events_total", `verdict="accept"`); accepted != waiting {
		t.Errorf("%g accepted Events were counted, want %d", accepted, waiting)
	}
}
