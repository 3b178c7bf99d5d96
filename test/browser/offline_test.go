package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// offlineList is the filter file of the tests without a cluster.
const offlineList = `project: deis/empty-testbed
filters:
  - kind: Pod
    reasons: [Killing]
    action: reject
  - kind: Pod
    namespace: pequod
    action: accept
`

// writeEvents writes Events as kubectl prints them, and returns the file.
func writeEvents(t *testing.T, events ...corev1.Event) string {
	t.Helper()
	list := corev1.EventList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"}, Items: events}
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "events.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// podEvent returns an Event about a pod that occurred some time ago.
func podEvent(namespace, name, reason, message string, ago time.Duration) corev1.Event {
	at := metav1.NewTime(time.Now().Add(-ago).Truncate(time.Second))
	return corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: name + "." + strings.ToLower(reason), UID: types.UID(namespace + name + reason)},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name},
		Reason:         reason, Message: message, Type: corev1.EventTypeWarning, Count: 1,
		FirstTimestamp: at, LastTimestamp: at, Source: corev1.EventSource{Component: "kubelet"},
	}
}

func writeList(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "filters.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// freeAddress returns an address of 127.0.0.1 that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// requests counts the page's requests by path, from now on.
func (b *browser) requests() {
	b.t.Helper()
	value[bool](b, `(() => {
		window.asked = {};
		const real = window.fetch;
		window.fetch = (url, options) => {
			const path = String(url).split("?")[0];
			window.asked[path] = (window.asked[path] ?? 0) + 1;
			return real(url, options);
		};
		return true;
	})()`)
}

// TestPageWithoutACluster tries what needs no cluster: `k8s-gateway ui` with
// files.
func TestPageWithoutACluster(t *testing.T) {
	t.Chdir("../..")
	list := writeList(t, offlineList)
	events := writeEvents(t,
		podEvent("pequod", "web-7d9c6f5b8d-x2x9k", "BackOff", "Back-off restarting failed container", time.Minute),
		podEvent("pequod", "web-7d9c6f5b8d-x2x9k", "Killing", "Stopping container main", 2*time.Minute),
		podEvent("ahab", "boat-0", "Unhealthy", "Readiness probe failed", 3*time.Minute))
	b := newBrowser(t)
	for _, part := range []struct {
		name string
		test func(t *testing.T, b *browser, list, events string)
	}{
		{"a list of 10 MB is refused, and the page goes on", hugeList},
		{"1,000 edits in a row are not evaluated one by one", manyEdits},
		{"the gateway ends and starts again", gatewayRestarts},
		{"the policy refuses script and markup from text", policyHolds},
		{"the clock of the browser is wrong", clockIsWrong},
		{"new Events leave an Event that is open alone", openEventStays},
		{"the table is paused, and shows the Events of one filter", tableNarrowsDown},
		{"the editor colors YAML, and undoes", editorUndoes},
		{"what is taken away works", takenAwayWorks},
		{"empty and failed sources say what to do", emptyStates},
		{"axe-core finds nothing serious anywhere", nothingSerious},
		{"the keyboard alone makes a filter and takes the list away", keyboardAlone},
	} {
		t.Run(part.name, func(t *testing.T) {
			b.t = t
			part.test(t, b, list, events)
			b.do(chromedp.Navigate("about:blank")) // a stream that ends is an error on the console
		})
		b.t = t
	}
}

func hugeList(t *testing.T, b *browser, list, events string) {
	b.open(startUI(t, "--config="+list, events), 1440, 900, "light")
	b.await(`document.querySelector(".tiles")`)
	b.replaceList(strings.Repeat("# a list of 10 MB\n", 10<<20/18))
	b.await(`document.querySelector("#problems .note")?.textContent === "Not inserted: a list has at most 1 MiB, which is what a ConfigMap holds."`)
	b.axe("a list that is too long")
	if edited := value[bool](b, `!document.querySelector("#reset").hidden`); edited {
		t.Error("the list has changed")
	}
	b.replaceList(offlineList + "# mine\n")
	b.await(`!document.querySelector("#problems .note") && document.querySelector("#file-state").textContent.startsWith("edited")`)
	// Characters of several bytes: the gateway refuses what the editor lets through.
	b.replaceList("# " + strings.Repeat("鯨", 1<<19))
	b.await(`document.querySelector("#effect .note")?.textContent === "The list has more than 1048576 bytes, which is what a ConfigMap holds."`)
	b.expect("413")
	b.discard()
	b.await(`!document.querySelector("#effect .note") && document.querySelector(".tile.accepted b").textContent === "1"`)
}

func manyEdits(t *testing.T, b *browser, list, events string) {
	b.open(startUI(t, "--config="+list, events), 1440, 900, "light")
	b.await(`document.querySelector(".tiles")`)
	b.requests()
	value[bool](b, `(async () => {
		const content = document.querySelector(".cm-content");
		for (let i = 0; i < 1000; i++) {
			const clipboardData = new DataTransfer();
			clipboardData.setData("text/plain", "#\n");
			content.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
			if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 10));
		}
		return true;
	})()`)
	b.await(`window.asked["/api/evaluate"] >= 1 && document.querySelector("#file-state").textContent === "edited" && document.querySelector(".tile.gained b")?.textContent === "+0"`)
	if n := value[int](b, `window.asked["/api/evaluate"]`); n > 5 {
		t.Errorf("1,000 edits were evaluated %d times", n)
	}
	b.discard()
}

// gatewayRestarts kills the program and starts it again at the same address.
func gatewayRestarts(t *testing.T, b *browser, list, events string) {
	address := freeAddress(t)
	_, stop := startUIUntilStopped(t, "--listen="+address, "--config="+list, events)
	b.open("http://"+address+"/", 1440, 900, "light")
	b.await(`document.querySelectorAll("#tbody tr").length === 3`)
	b.replaceList(offlineList + "# mine\n")
	b.await(`document.querySelector("#file-state").textContent.startsWith("edited")`)
	stop()
	b.await(`document.querySelector("#banner b")?.textContent === "The connection to k8s-gateway is lost."`)
	b.await(`document.querySelector("#state").textContent.startsWith("disconnected")`)
	b.axe("a lost connection")
	if n := value[int](b, `document.querySelectorAll("#tbody tr").length`); n != 3 {
		t.Errorf("%d Events are shown while the connection is lost, want 3", n)
	}
	more := writeEvents(t, podEvent("pequod", "web-1", "Failed", "Error: ErrImagePull", time.Minute))
	_, stopAgain := startUIUntilStopped(t, "--listen="+address, "--config="+list, events, more)
	defer stopAgain()
	b.await(`document.querySelector("#banner").hidden && document.querySelector("#state").textContent === "read · 4 Events"`)
	b.await(rowWith("web-1", "Failed", "accept"))
	if n := value[int](b, `document.querySelectorAll("#tbody tr").length`); n != 4 {
		t.Errorf("%d Events are shown after the restart, want 4", n)
	}
	if text := value[string](b, `document.querySelector(".cm-content").innerText`); !strings.Contains(text, "# mine") {
		t.Error("the edited list is gone after the restart")
	}
	b.await(`document.querySelector(".tile.accepted").textContent === "2accepted of 4"`)
	b.do(chromedp.Reload())
	b.await(`document.querySelector(".cm-content")?.innerText.includes("# mine")`)
	b.discard()
	b.do(chromedp.Navigate("about:blank"))
	b.expect("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
}

func policyHolds(t *testing.T, b *browser, list, events string) {
	b.open(startUI(t, "--config="+list, events), 1440, 900, "light")
	refused := value[[]string](b, `(async () => {
		const refused = [];
		addEventListener("securitypolicyviolation", (e) => refused.push(e.effectiveDirective));
		const script = document.createElement("script");
		try { script.textContent = "window.owned = true"; } catch { refused.push("text of a script"); }
		document.head.append(script);
		const style = document.createElement("style");
		style.textContent = "body { display: none }";
		document.head.append(style);
		try { document.querySelector("#banner").innerHTML = "<b>owned</b>"; } catch { refused.push("markup of text"); }
		// Outside of this call, which may evaluate text.
		setTimeout(() => { try { new Function("window.owned = true")(); } catch { refused.push("eval"); } });
		try { await fetch("http://localhost:1/"); } catch { refused.push("fetch"); }
		const frame = document.createElement("iframe");
		frame.src = "data:text/html,owned";
		document.body.append(frame);
		const image = new Image();
		image.src = "http://localhost:1/x.png";
		await new Promise((resolve) => setTimeout(resolve, 300));
		frame.remove();
		script.remove();
		style.remove();
		return [...new Set(refused)].sort();
	})()`)
	for _, want := range []string{"connect-src", "eval", "fetch", "frame-src", "img-src", "markup of text", "style-src-elem", "text of a script"} {
		if !strings.Contains(strings.Join(refused, "\n"), want) {
			t.Errorf("%s is not refused; refused are %q", want, refused)
		}
	}
	if value[bool](b, `window.owned === true || getComputedStyle(document.body).display === "none"`) {
		t.Error("an inline script or style took effect")
	}
	b.expect("Content Security Policy", "TrustedHTML", "TrustedScript", "Trusted Type", "ERR_CONNECTION_REFUSED")
}

// clockIsWrong opens the page in a browser whose clock is an hour off, in
// either direction, and that jumps while the page is open.
func clockIsWrong(t *testing.T, b *browser, list, events string) {
	b.open(startUI(t, "--config="+list, events), 1440, 900, "light")
	b.await(rowWith("Unhealthy"))
	age := `(` + rowWith("Unhealthy") + `).querySelector("time").textContent`
	for _, step := range []struct{ now, age string }{
		{"real()", "3 min"}, {"real() + 3600_000", "1 h"}, {"real() - 3600_000", "0 s"}, {"real()", "3 min"},
	} {
		value[bool](b, `(() => { window.real ??= Date.now.bind(Date); const now = () => `+step.now+`; Date.now = now; return true; })()`)
		b.await(age + ` === ` + quote(step.age))
	}
}

// startUIOnPipe starts the page with a list on a pipe of Events, which send writes to
// and stop closes.
func startUIOnPipe(t *testing.T, list string) (address string, send func(corev1.Event), stop func()) {
	t.Helper()
	out, in := io.Pipe()
	encoder := json.NewEncoder(in)
	address, end := startUIReading(t, out, "--config="+list, "-")
	send = func(e corev1.Event) {
		e.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Event"}
		if err := encoder.Encode(e); err != nil {
			t.Error(err)
		}
	}
	return address, send, func() {
		_ = in.Close()
		end()
	}
}

// openEventStays opens an Event while others come. What is read, selected or
// has the focus there stays; only another list changes it.
func openEventStays(t *testing.T, b *browser, list, _ string) {
	address, send, stop := startUIOnPipe(t, list)
	defer stop()
	send(podEvent("pequod", "web-0", "BackOff", "Back-off restarting failed container", time.Minute))
	b.open(address, 1440, 900, "light")
	b.await(rowWith("BackOff"))
	value[bool](b, rowWith("BackOff")+`.click(), true`)
	b.await(`document.activeElement.id === "details-title"`)
	value[bool](b, `getSelection().selectAllChildren(document.querySelector("#details .message")), true`)
	for i := range 3 {
		send(podEvent("ahab", fmt.Sprintf("boat-%d", i), "Unhealthy", "Readiness probe failed", 0))
		b.await(`document.querySelector(".tile.accepted").textContent.endsWith(` + quote(fmt.Sprintf(" of %d", i+2)) + `)`)
	}
	if at := b.focused(); !strings.HasPrefix(at, "details-title") {
		t.Errorf("the focus went to %q", at)
	}
	if got := value[string](b, `getSelection().toString()`); got != "Back-off restarting failed container" {
		t.Errorf("selected is %q", got)
	}
	b.replaceList(strings.Replace(offlineList, "namespace: pequod", "namespace: ahab", 1))
	b.await(`document.querySelector("#details .chip").textContent === "reject"`)
	b.discard()
	b.await(`document.querySelector("#details .chip").textContent === "accept"`)
}

// tableNarrowsDown pauses the table while an Event comes, and chooses what decided
// and a verdict.
func tableNarrowsDown(t *testing.T, b *browser, list, _ string) {
	address, send, stop := startUIOnPipe(t, list)
	defer stop()
	send(podEvent("pequod", "web-0", "BackOff", "Back-off restarting failed container", time.Minute))
	b.open(address, 1440, 900, "light")
	b.await(rowWith("BackOff"))
	b.keys("p")
	b.await(`document.querySelector("#pause[aria-pressed=true]") && document.querySelector("#state").textContent.startsWith("paused")`)
	b.axe("paused")
	send(podEvent("pequod", "web-0", "Killing", "Stopping container main", 0))
	b.await(`!document.querySelector("#pill").hidden && document.querySelector("#pill").textContent === "1 new"`)
	if n := value[int](b, `document.querySelectorAll("#tbody tr").length`); n != 1 {
		t.Errorf("%d Events are shown while the table is paused, want 1", n)
	}
	b.click("#pause", "Resume")
	b.await(rowWith("Killing") + ` && document.querySelector("#pill").hidden`)
	for _, choice := range []struct{ by, only, without string }{{"filters[0]", "Killing", "BackOff"}, {"filters[1]", "BackOff", "Killing"}} {
		b.await(`[...document.querySelector("#by").options].some(o => o.value === ` + quote(choice.by) + `)`)
		value[bool](b, `(s => { s.value = `+quote(choice.by)+`; s.dispatchEvent(new Event("change")); return true; })(document.querySelector("#by"))`)
		b.await(rowWith(choice.only) + ` && !` + rowWith(choice.without))
	}
	value[bool](b, `document.querySelector("#verdicts input[value=reject]").click(), true`)
	b.await(`document.querySelector("#empty b")?.textContent === "No Event matches"`)
	b.click("#empty button", "Clear search and filters")
	b.await(rowWith("Killing") + ` && ` + rowWith("BackOff"))
}

func editorUndoes(t *testing.T, b *browser, list, events string) {
	b.open(startUI(t, "--config="+list, events), 1440, 900, "light")
	b.await(`document.querySelector(".tiles")`)
	color := func(text string) string {
		return value[string](b, `(e => e ? getComputedStyle(e).color : "")([...document.querySelectorAll(".cm-line span")].find(e => e.textContent === `+quote(text)+`))`)
	}
	if key, text := color("namespace"), color("pequod"); key == "" || text == "" || key == text {
		t.Errorf("a key has the color %q, its value %q", key, text)
	}
	b.await(`document.querySelector("#undo").disabled && document.querySelector("#redo").disabled`)
	b.replaceList(strings.Replace(offlineList, "namespace: pequod", "namespace: ahab", 1))
	b.await(`document.querySelector(".tile.gained b")?.textContent === "+1"`)
	b.click("#undo", "")
	b.await(`document.querySelector("#file-state").textContent === "loaded" && !document.querySelector(".tile.gained")`)
	b.click("#redo", "")
	b.await(`document.querySelector(".tile.gained b")?.textContent === "+1"`)
	b.discard()
}

// takenAwayWorks copies and downloads the list in each form, and has the
// program itself take what was downloaded.
func takenAwayWorks(t *testing.T, b *browser, list, events string) {
	b.open(startUI(t, "--config="+list, events), 1440, 900, "light")
	b.await(`document.querySelector(".tiles")`)
	edited := strings.Replace(offlineList, "namespace: pequod", "namespace: ahab", 1)
	b.replaceList(edited)
	b.await(`document.querySelector(".tile.gained b")?.textContent === "+1"`)
	dir := t.TempDir()
	b.downloadTo(dir)
	b.click("#take", "")
	binary, err := controlplane.Binary("k8s-gateway")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []struct {
		as, file string
		command  []string
	}{
		{"file", "filters.yaml", []string{"check", "--config", "filters.yaml"}},
		{"helm", "values.yaml", nil}, // TestPage installs it
		{"test", "filters_test.yaml", []string{"test", "filters_test.yaml"}},
	} {
		value[bool](b, `document.querySelector("#takeaway input[value=`+form.as+`]").click(), true`)
		b.await(`!document.querySelector("#takeaway .primary").disabled`)
		shown := value[string](b, `document.querySelector("#takeaway .preview").textContent`)
		b.copied("#takeaway footer button", shown)
		b.click("#takeaway button", "Download")
		path := filepath.Join(dir, form.file)
		saved := awaitFile(t, path)
		if saved != shown {
			t.Errorf("%s has %q, the page shows %q", form.file, saved, shown)
		}
		if form.command == nil {
			continue
		}
		command := exec.CommandContext(t.Context(), binary, form.command...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("k8s-gateway %s: %v\n%s", strings.Join(form.command, " "), err, out)
		}
	}
	b.click("#takeaway button", "Close")
	b.discard()
}

// awaitFile waits until a file is there and no more is written to it.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		text, err := os.ReadFile(path)
		if err == nil && len(text) > 0 {
			return string(text)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is not downloaded: %v", path, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// emptyStates opens the page where there is nothing to show.
func emptyStates(t *testing.T, b *browser, list, _ string) {
	nowhere := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(nowhere, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: nowhere, cluster: {server: "http://%s"}}]
contexts: [{name: nowhere, context: {cluster: nowhere}}]
current-context: nowhere
`, freeAddress(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, empty := range []struct {
		name, title, banner string
		args                []string
	}{
		{"a file without Events", "No Events in this input", "", []string{writeEvents(t)}},
		{"a cluster that cannot be reached", "No Events", "Events cannot be read: ", []string{"--kubeconfig=" + nowhere}},
	} {
		b.open(startUI(t, append([]string{"--config=" + list}, empty.args...)...), 1440, 900, "light")
		b.await(`document.querySelector("#empty b")?.textContent === ` + quote(empty.title))
		b.await(`(document.querySelector("#banner b")?.textContent ?? "").startsWith(` + quote(empty.banner) + `)`)
		b.axe(empty.name)
	}
}

// nothingSerious looks at each view, with each dialog and panel, wide and
// narrow, light and dark.
func nothingSerious(t *testing.T, b *browser, list, events string) {
	address := startUI(t, "--config="+list, events)
	for _, look := range []struct {
		width  int64
		scheme string
	}{{1440, "light"}, {1440, "dark"}, {400, "dark"}, {320, "light"}} {
		where := fmt.Sprintf("%d pixels, %s", look.width, look.scheme)
		b.open(address, look.width, 800, look.scheme)
		b.await(rowWith("BackOff"))
		b.axe(where + ", Live")
		value[bool](b, rowWith("BackOff")+`.click(), true`)
		b.await(`document.querySelector("#details-title")`)
		value[bool](b, `document.querySelector("#details summary").click(), true`)
		b.axe(where + ", an Event")
		b.fits(where + ", an Event")
		b.click("#details button", "Make a filter of this")
		b.await(`document.querySelector("#suggest .preview")?.textContent`)
		b.click("#suggest summary", "Except")
		b.axe(where + ", making a filter")
		b.fits(where + ", making a filter")
		b.click("#suggest button", "Cancel")
		b.click("#details button[aria-label=Close]", "")
		value[bool](b, `location.hash = "#/filters", true`)
		b.await(`document.body.dataset.view === "filters"`)
		b.replaceList(strings.Replace(offlineList, "namespace: pequod", "namespace: ahab", 1))
		b.await(`document.querySelector(".tile.gained b")?.textContent === "+1"`)
		b.axe(where + ", an edited list")
		b.fits(where + ", an edited list")
		value[bool](b, `location.hash = "#/live", true`)
		b.await(`document.body.dataset.view === "live"`)
		if cut := value[[]string](b, `[...document.querySelectorAll("#tbody .c-reason")].filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)`); len(cut) > 0 {
			t.Errorf("%s: the reasons %q are cut", where, cut)
		}
		value[bool](b, `location.hash = "#/filters", true`)
		b.await(`document.body.dataset.view === "filters"`)
		b.click("#take", "")
		b.await(`document.querySelector("#takeaway .preview").textContent`)
		b.axe(where + ", taking it away")
		b.fits(where + ", taking it away")
		b.click("#takeaway button", "Close")
		b.replaceList("filters: 7\n")
		b.await(`document.querySelector("#problems .error")`)
		b.axe(where + ", a fault")
		b.fits(where + ", a fault")
		b.discard()
	}
}

// fits fails the test if the page is wider than the window, or a dialog's
// content wider than the dialog.
func (b *browser) fits(where string) {
	b.t.Helper()
	if wide := value[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		b.t.Errorf("%s: the page is %d pixels too wide", where, wide)
	}
	if wide := value[int](b, `Math.max(0, ...[...document.querySelectorAll("dialog[open], dialog[open] .body")].map(e => e.scrollWidth - e.clientWidth))`); wide > 0 {
		b.t.Errorf("%s: the dialog's content is %d pixels too wide", where, wide)
	}
}

// keyboardAlone makes a filter of an Event, adds it and opens what is taken
// away, with no other input than keys.
func keyboardAlone(t *testing.T, b *browser, list, events string) {
	b.open(startUI(t, "--config="+list, events), 1440, 900, "light")
	b.await(rowWith("Unhealthy"))
	b.keys("/")
	b.await(`document.activeElement.id === "search"`)
	b.keys("unhealthy")
	b.await(`document.querySelectorAll("#tbody tr").length === 1`)
	b.tabTo("row-open")
	b.keys(kb.Enter)
	b.await(`document.activeElement.id === "details-title"`)
	b.tabTo("Make a filter of this")
	b.keys(kb.Enter)
	b.await(`document.querySelector("#suggest").open && document.querySelector("#suggest .preview").textContent.includes("reasons: [Unhealthy]")`)
	b.tabTo("Add to the list")
	b.keys(kb.Enter)
	b.await(`!document.querySelector("#suggest").open && document.activeElement.classList.contains("cm-content")`)
	b.await(rowWith("Unhealthy") + `?.dataset.change === "gained"`)
	b.await(`document.querySelector("#announce").textContent === "filters[2] added at line 9"`)
	b.keys(kb.Escape)
	b.tabTo("Take away", chromedp.ModifierShift)
	b.keys(kb.Enter)
	b.await(`document.querySelector("#takeaway").open && document.querySelector("#takeaway .preview").textContent.includes("Unhealthy")`)
	b.keys(kb.Escape)
	b.await(`!document.querySelector("#takeaway").open`)
	if at := b.focused(); !strings.Contains(at, "Take away") {
		t.Errorf("after the dialog the focus is on %q, want the button that opened it", at)
	}
	b.tabTo("Discard edits", chromedp.ModifierShift)
	b.keys(kb.Enter)
	b.await(`document.querySelector("#reset").hidden`)
}
