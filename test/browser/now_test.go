package browser

import (
	"encoding/json"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestNow shows a daemon in each state that it can be in, one after the other
// on a page that stays open.
func TestNow(t *testing.T) {
	t.Chdir("../..")
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	leading := status{
		"role": "leading", "replica": "events-0_1", "leader": "events-0_1", "stored": "brigade/events-position",
		"positions": []status{{"scope": "all namespaces", "version": "120034"}}, "flows": []status{},
		"file":   status{"name": "/etc/k8s-gateway/filters.yaml", "filters": 3, "loaded": ago(time.Hour)},
		"builds": []status{}, "lost": []status{},
	}
	b := newBrowser(t)
	address, show := startStatusPage(t)
	show(leading)
	b.open(address, 1440, 900, "light")
	value[bool](b, `location.hash = "#/now", true`)
	for _, step := range []struct {
		name   string
		change func(s status)
		// cards are what the cards with these titles say, and missing what the page
		// does not.
		cards   map[string][]string
		missing []string
	}{
		{
			"nothing waits", func(status) {},
			map[string][]string{
				"Role":                {"Leading", "events-0_1"},
				"Position":            {"Up to date", "all namespaces", "120034", "Kept in ConfigMap brigade/events-position"},
				"Waiting builds":      {"None", "Every accepted Event has its build."},
				"Filter file":         {"In use", "filters.yaml, 3 filters, loaded 1 h ago", "The last reload had no faults."},
				"Latest builds":       {"None since this replica began to lead."},
				"Refused and dropped": {"None."},
			},
			[]string{"Destinations", "Held"},
		},
		{
			"the pace holds builds back", func(s status) {
				s["waiting"], s["oldest"], s["heldSince"] = 2004, ago(3*time.Minute), ago(2*time.Minute)
				s["flows"] = []status{{"namespace": "pequod", "project": "brigade-830c", "waiting": 2001}, {"namespace": "ahab", "project": "brigade-830c", "waiting": 3}}
				s["held"] = status{"limit": "buildsPerMinute", "since": ago(3 * time.Minute), "until": time.Date(2026, 3, 1, 12, 34, 56, 0, time.Local)}
			},
			map[string][]string{
				"Position":       {"Held, last moved 2 min ago", "It moves on when the oldest waiting build has its outcome."},
				"Waiting builds": {"2,004 builds", "accepted 3 min ago", "Held back by limits.buildsPerMinute since 3 min ago, until 12:34:56.", "pequod\tbrigade-830c\t2,001", "ahab\tbrigade-830c\t3"},
			},
			[]string{"The last attempt to write failed"},
		},
		{
			"active builds have to end first", func(s status) {
				s["waiting"], s["oldest"] = 1, ago(time.Second)
				s["held"] = status{"limit": "activeBuilds", "since": ago(time.Minute)}
			},
			map[string][]string{"Waiting builds": {"1 build", "Held back by limits.activeBuilds since 1 min ago, until builds that run have ended."}},
			nil,
		},
		{
			"builds are paused", func(s status) {
				s["waiting"], s["oldest"] = 1, ago(time.Second)
				s["held"] = status{"limit": "paused", "since": ago(time.Minute)}
			},
			map[string][]string{"Waiting builds": {"Held back by paused: true since 1 min ago, until the filter file is changed."}},
			nil,
		},
		{
			"writing fails, and a destination is down", func(s status) {
				s["waiting"], s["oldest"], s["failing"] = 7, ago(time.Minute), true
				s["ready"], s["notes"] = "creating builds fails: etcd is down", []string{"the position is not saved"}
				s["destinations"] = []status{
					{"name": "brigade"},
					{"name": "knative", "waiting": 4, "oldest": ago(time.Minute), "failing": true},
					{"name": "tekton", "waiting": 3, "oldest": ago(time.Second), "limit": "paused"},
				}
				s["builds"] = []status{{"id": "01kjn", "destination": "tekton", "at": ago(time.Minute), "event": "pequod/a.1", "by": "filters[0]", "short": "BackOff: Pod pequod/a", "long": "a message"}}
			},
			map[string][]string{
				"Role":           {"creating builds fails: etcd is down", "the position is not saved"},
				"Waiting builds": {"The last attempt to write failed. One is made at a time until one succeeds."},
				"Destinations":   {"knative\tfailing\t1 min ago\t4", "tekton\theld back by paused: true\t", "brigade\t\t\t0"},
				"Latest builds":  {"Project or destination", "tekton", "by filters[0]"},
			},
			[]string{"brig build logs"},
		},
		{
			"a changed file is refused, and builds are lost", func(s status) {
				s["file"] = status{
					"name": "/etc/k8s-gateway/filters.yaml", "filters": 3, "loaded": ago(time.Hour),
					"refused": ago(time.Minute), "report": "filters.yaml:4:13: filters[0].action: must be accept or reject",
				}
				s["builds"] = []status{{
					"id": "01kjmma2g0j9ednxhmajnbm0mh", "project": "brigade-830c", "at": ago(time.Minute), "event": "pequod/a.1", "by": "crash-loops",
					"short": "BackOff: Pod pequod/a", "long": "Pod pequod/a: <b>Back-off</b>", "command": "brig build logs 01kjmma2g0j9ednxhmajnbm0mh --namespace brigade",
				}}
				s["lost"] = []status{
					{"outcome": "refused", "reason": `admission webhook "freeze" denied the request`, "id": "01b", "at": ago(time.Minute), "event": "pequod/a.2"},
					{"outcome": "dropped", "reason": "1000 builds wait", "id": "01c", "at": ago(time.Hour), "event": "pequod/a.3"},
				}
			},
			map[string][]string{
				"Filter file":         {"The changed file was refused", "the one before stays in use", "filters.yaml:4:13: filters[0].action: must be accept or reject"},
				"Latest builds":       {"BackOff: Pod pequod/a", "<b>Back-off</b>", "by crash-loops", "brig build logs 01kjmma2g0j9ednxhmajnbm0mh --namespace brigade"},
				"Refused and dropped": {"refused", `admission webhook "freeze" denied the request`, "dropped", "1000 builds wait", "pequod/a.3"},
			},
			nil,
		},
		{
			"a dry run without a filter file", func(s status) {
				s["dryRun"], s["stored"], s["file"] = true, "", status{}
			},
			map[string][]string{
				"Role":        {"Dry run: builds are checked and none is created."},
				"Position":    {"Not stored: Events that occur while the gateway is down are not built."},
				"Filter file": {"None", "Name a file with --config."},
			},
			nil,
		},
		{
			"another replica leads now", func(s status) {
				s["role"], s["leader"], s["positions"] = "standing by", "events-1_7", []status{}
			},
			map[string][]string{
				"Role":     {"Standing by", "Another replica leads: events-1_7. Its page shows the Events."},
				"Position": {"None yet; only the leader has one."},
			},
			nil,
		},
		{
			"no replica leads", func(s status) {
				s["role"], s["leader"], s["positions"] = "starting", "", []status{}
			},
			map[string][]string{"Role": {"Starting", "Neither leads nor stands by yet."}},
			nil,
		},
	} {
		s := maps.Clone(leading)
		step.change(s)
		show(s)
		for title, texts := range step.cards {
			for _, text := range texts {
				b.await(`[...document.querySelectorAll("#now-content .card")].find(c => c.querySelector("h3").textContent === ` + quote(title) + `)?.innerText.includes(` + quote(text) + `)`)
			}
		}
		text := value[string](b, `document.querySelector("#now-content").innerText`)
		for _, missing := range step.missing {
			if strings.Contains(text, missing) {
				t.Errorf("%s: the page says %q", step.name, missing)
			}
		}
		b.axe("Now, " + step.name)
		b.do(b.scheme("dark"))
		b.axe("Now in dark, " + step.name)
		b.do(b.scheme("light"))
		b.do(chromedp.EmulateViewport(320, 700))
		b.fits("Now, " + step.name)
		b.do(chromedp.EmulateViewport(1440, 900))
		if broken := value[int](b, `[...document.querySelectorAll("#now-content .option")].filter(e => e.getClientRects().length > 1 || e.offsetHeight > 1.8 * parseFloat(getComputedStyle(e).fontSize)).length`); broken > 0 {
			t.Errorf("%s: %d options are not on one line", step.name, broken)
		}
		state := map[string]string{"leading": "following", "standing by": "standing by", "starting": "connecting"}[s["role"].(string)]
		b.await(`document.querySelector("#state").textContent === ` + quote(state))
	}
	b.do(chromedp.Navigate("about:blank"))
}

// status is a status of the daemon as the page gets it (pkg/ui.Status).
type status map[string]any

// startStatusPage serves a page until the test ends, and returns its address and
// what shows a status on it.
func startStatusPage(t *testing.T) (address string, show func(status)) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "statuspage")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./test/statuspage").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	statuses, in := io.Pipe()
	address, stop := start(t, exec.CommandContext(t.Context(), binary), statuses)
	t.Cleanup(func() {
		_ = in.Close()
		stop()
	})
	encoder := json.NewEncoder(in)
	return address, func(s status) {
		if err := encoder.Encode(s); err != nil {
			t.Error(err)
		}
	}
}
