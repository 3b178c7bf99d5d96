// Package browser shows the page in a real Chromium, on the control plane of
// `make demo`: real controllers write the Events, the gateway's own program
// serves the page, and what is checked is what a user sees.
package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const buildNamespace = "brigade"

// hostileMessage is what a stranger may write: markup, characters that turn
// text around or ring a bell, and 16 KiB of it.
var hostileMessage = "<script>window.owned = true</script><img src=x onerror=\"window.owned = true\">\u202egnp.\x07\x1b[31m " + strings.Repeat("long ", 16<<10/5)

func TestPage(t *testing.T) {
	t.Chdir("../..")
	options := controlplane.Everything()
	options.BrigadeNamespace = buildNamespace
	cp := controlplane.StartForTest(t, options)
	if _, err := cp.CreateProject(t.Context(), buildNamespace, "deis/empty-testbed"); err != nil {
		t.Fatal(err)
	}
	address := startGateway(t, cp)
	createWorkload(t, cp)

	b := newBrowser(t)
	b.open(address, 1440, 900, "light")
	p := page{b, cp.Client(), cp.Kubeconfig(), new(string)}
	p.run(t)
}

// page is the page in a browser, and the cluster behind it.
type page struct {
	*browser

	client     kubernetes.Interface
	kubeconfig string
	// values are the Helm values that were taken away.
	values *string
}

// run tries the page, part by part.
func (p page) run(t *testing.T) {
	b := p.browser
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"Events of real controllers appear", p.eventsAppear},
		{"an Event opens with its trace", p.eventOpens},
		{"new Events do not move what is read", p.nothingMoves},
		{"a fault is marked at its line", p.faultIsMarked},
		{"an edit changes verdicts", p.editChangesVerdicts},
		{"a filter made of an Event accepts it", p.filterOfEvent},
		{"the exported values install with Helm", p.install},
		{"a hostile Event is shown as text", p.hostileEvent},
		{"a filter says all that the language has", p.filterWithEverything},
		{"the keyboard is enough", p.keyboard},
		{"what the gateway does is shown", p.now},
		{"400 pixels are enough", p.phone},
		{"dark", p.dark},
		{"without a daemon there is no Now, and a file's name is text", p.files},
	} {
		t.Run(part.name, func(t *testing.T) {
			b.t = t
			part.test(t)
		})
		b.t = t
	}
}

// rowWith returns an expression for the first row that holds all texts.
func rowWith(texts ...string) string {
	test := "true"
	for _, text := range texts {
		test += " && tr.textContent.includes(" + quote(text) + ")"
	}
	return `[...document.querySelectorAll("#tbody tr")].find(tr => ` + test + `)`
}

func (p page) eventsAppear(*testing.T) {
	p.await(rowWith("ScalingReplicaSet", "Deployment", "queequeg", "reject"))
	p.await(rowWith("Scheduled", "Pod", "pequod", "accept", "filters[3]"))
	p.await(rowWith("Pod", "kube-system", "filters[0]"))
	p.await(rowWith("BackOff", "ishmael"))
	p.await(`document.querySelector("#state").textContent.startsWith("following · ")`)
	p.axe("Live")
	p.picture()
	// Search and verdict narrow it down.
	value[bool](p.browser, `document.querySelector("#search").focus(), true`)
	p.keys("starbuck scaling")
	p.await(`document.querySelectorAll("#tbody tr").length === 1 && ` + rowWith("ScalingReplicaSet", "starbuck"))
	value[bool](p.browser, `document.querySelector("#verdicts input[value=accept]").click(), true`)
	p.await(`document.querySelector("#empty b")?.textContent === "No Event matches"`)
	p.click("#empty button", "Clear search and filters")
	p.await(`document.querySelectorAll("#tbody tr").length > 5`)
}

// picture takes the picture that README begins with.
func (p page) picture() {
	value[bool](p.browser, `document.querySelector("#search").focus(), true`)
	p.keys("pequod")
	row := rowWith("BackOff", "ishmael")
	p.await(row)
	value[bool](p.browser, row+`.click(), true`)
	p.await(`document.querySelector("#details-title")?.textContent.includes("ishmael")`)
	value[bool](p.browser, `document.querySelector(".cm-scroller").scrollTo(0, 160), true`)
	p.shoot("page.png")
	p.click("#details button[aria-label=Close]", "")
	value[bool](p.browser, `document.querySelector("#search").value = "", document.querySelector("#search").dispatchEvent(new Event("input")), true`)
}

func (p page) eventOpens(*testing.T) {
	row := rowWith("ScalingReplicaSet", "starbuck")
	p.await(row)
	value[bool](p.browser, row+`.click(), true`)
	p.await(`document.querySelector("#details-title")?.textContent.includes("ahab/starbuck · ScalingReplicaSet")`)
	steps := value[[]string](p.browser, `[...document.querySelectorAll(".steps li")].map(li => li.textContent)`)
	want := []string{`filters[0]namespace is "ahab", not "kube-system"`, "", `filters[2]kind is "Deployment", not "Pod"`}
	for i, text := range want {
		if i >= len(steps) || text != "" && steps[i] != text {
			p.t.Errorf("steps %q, want %q at %d", steps, text, i)
		}
	}
	value[bool](p.browser, `document.querySelector("#details summary").click(), true`)
	p.await(`document.querySelector("#details .json").textContent.includes('"reason": "ScalingReplicaSet"')`)
	p.axe("Event")
	p.click("#details button[aria-label=Close]", "")
	p.await(`document.querySelector("#details").hidden`)
}

func (p page) nothingMoves(t *testing.T) {
	p.do(chromedp.EmulateViewport(1440, 420)) // few rows are enough to scroll
	value[bool](p.browser, `document.querySelector("#rows").scrollTo(0, 150), true`)
	before := value[string](p.browser, `document.elementFromPoint(200, 330).closest("tr").dataset.id`)
	for i := range 3 {
		p.createEvent(t, "pequod", fmt.Sprintf("moby-%d", i), "Sighted", "There she blows")
	}
	p.await(`!document.querySelector("#pill").hidden`)
	after := value[string](p.browser, `document.elementFromPoint(200, 330).closest("tr").dataset.id`)
	if before != after || value[float64](p.browser, `document.querySelector("#rows").scrollTop`) != 150 {
		t.Errorf("row %s was there, now it is %s", before, after)
	}
	p.click("#pill", "new")
	p.await(rowWith("moby-2", "Sighted"))
	p.await(`document.querySelector("#rows").scrollTop === 0`)
	p.do(chromedp.EmulateViewport(1440, 900))
}

func (p page) faultIsMarked(t *testing.T) {
	p.replaceList("project: deis/empty-testbed\nfilters:\n  - kind: Pod\n    action: acept\n")
	p.await(`document.querySelector("#problems .place")?.textContent === "4:13"`)
	p.await(`document.querySelector("#file-state").textContent === "1 fault"`)
	marked := value[string](p.browser, `document.querySelector(".cm-lintRange-error").closest(".cm-line").textContent`)
	if marked != "    action: acept" {
		t.Errorf("marked is line %q", marked)
	}
	p.await(`document.querySelector(".cm-lint-marker-error")`)
	p.axe("a fault")
	// The fault's place is a button that goes there.
	p.click("#problems button", "4:13")
	p.await(`document.activeElement.classList.contains("cm-content")`)
	p.discard()
	p.await(`document.querySelector("#problems").hidden || !document.querySelector("#problems .error")`)
}

func (p page) editChangesVerdicts(*testing.T) {
	value[bool](p.browser, `location.hash = "#/filters", true`)
	p.replaceList(`# Scaling is built, pods are not.
project: deis/empty-testbed
filters:
  - namespace: kube-system
    action: reject
  - id: scaling
    kind: Deployment
    reasons: [ScalingReplicaSet]
    action: accept
    oncePer: 10m
  - kind: Job
    action: accept
`)
	p.await(rowWith("ScalingReplicaSet", "starbuck", "reject→accept", "scaling") + `?.dataset.change === "gained"`)
	p.await(rowWith("Scheduled", "pequod") + `?.dataset.change === "lost"`)
	p.await(`document.querySelector(".tile.gained b").textContent !== "+0" && document.querySelector(".tile.lost b").textContent !== "−0"`)
	p.await(`[...document.querySelectorAll(".counts tr")].find(tr => tr.textContent.includes("kind: Job")).textContent.includes("never")`)
	p.await(`[...document.querySelectorAll(".counts tr")].find(tr => tr.textContent.includes("scaling")).querySelectorAll("td.n")[1].textContent !== "0"`)
	p.shoot("page-filters.png")
	p.axe("an edited list")
	// The figure shows its Events.
	p.click("button.tile.gained", "")
	p.await(`[...document.querySelectorAll("#tbody tr")].every(tr => tr.dataset.change === "gained")`)
	value[bool](p.browser, `document.querySelector("#verdicts input[value=all]").click(), true`)
	p.discard()
	p.await(`!document.querySelector("#tbody tr[data-change]")`)
}

func (p page) filterOfEvent(*testing.T) {
	row := rowWith("ScalingReplicaSet", "starbuck")
	value[bool](p.browser, row+`.click(), true`)
	p.click("#details button", "Make a filter of this")
	p.await(`document.querySelector("#suggest .preview")?.textContent.includes("reasons: [ScalingReplicaSet]")`)
	p.axe("making a filter")
	p.click("#suggest button", "Add to the list")
	p.await(row + `?.dataset.change === "gained"`)
	p.await(`document.querySelector("#details .chip").textContent === "accept"`)

	p.click("#take", "")
	value[bool](p.browser, `document.querySelector("#takeaway input[value=helm]").click(), true`)
	p.await(`document.querySelector("#takeaway .preview").textContent.startsWith("# helm upgrade ")`)
	p.axe("taking it away")
	*p.values = value[string](p.browser, `document.querySelector("#takeaway .preview").textContent`)
	value[bool](p.browser, `document.querySelector("#takeaway input[value=test]").click(), true`)
	p.await(`document.querySelector("#takeaway .preview").textContent.includes("tests:")`)
	p.click("#takeaway button", "Close")
	p.click("#details button[aria-label=Close]", "")
	p.discard()
}

// filterWithEverything adds a filter with every part of the dialog, for a pod
// that crashes.
func (p page) filterWithEverything(*testing.T) {
	row := rowWith("BackOff", "ishmael")
	p.await(row)
	value[bool](p.browser, row+`.click(), true`)
	p.click("#details button", "Make a filter of this")
	p.await(`document.querySelector("#suggest .preview")?.textContent.includes("reasons: [BackOff]")`)
	p.click("#suggest button.glob", "all of ishmael-*")
	p.click("#suggest summary", "Except")
	p.click("#suggest label", "accept")
	p.fill("#suggest [name=id]", "crash-loops")
	p.fill("#suggest [name='except.name']", "*-canary")
	p.fill("#suggest [name=once]", "window")
	p.fill("#suggest [name=window]", "30m")
	p.fill("#suggest [name=grouped]", "group")
	p.fill("#suggest [name=logLevel]", "info")
	want := `id: crash-loops
namespace: pequod
kind: Pod
name: ishmael-*
reasons: [BackOff]
except:
  name: '*-canary'
action: accept
logLevel: info
oncePer: 30m
groupBy: [namespace, reason]
`
	p.await(`document.querySelector("#suggest .preview").textContent === ` + quote(want))
	p.axe("every part of a filter")
	p.fill("#suggest [name=window]", "often")
	p.await(`document.querySelector("#suggest .note").textContent.startsWith('oncePer: "often" is neither')`)
	p.fill("#suggest [name=window]", "30m")
	p.await(`document.querySelector("#suggest .note").hidden`)
	p.click("#suggest button", "Add to the list")
	p.await(`document.querySelector("#details .verdict-line .by-name").textContent === "crash-loops"`)
	p.await(`document.querySelector(".cm-activeLine").textContent.includes("id: crash-loops")`)
	p.click("#details button[aria-label=Close]", "")
	p.discard()
}

// files opens the page of `k8s-gateway ui` for a file whose name is markup.
func (p page) files(t *testing.T) {
	name := filepath.Join(t.TempDir(), `"><img src=x onerror="window.owned = true">&amp;{{now}}.json`)
	events, err := os.ReadFile("pkg/eventinput/testdata/list.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, events, 0o600); err != nil {
		t.Fatal(err)
	}
	p.open(startUI(t, "--config=examples/filters.yaml", name), 1440, 900, "light")
	if where := value[string](p.browser, `document.querySelector("#where").textContent`); where != name {
		t.Errorf("the page is about %q, want %q", where, name)
	}
	if title := value[string](p.browser, `document.querySelector("#where").title`); title != name {
		t.Errorf("the title is %q, want %q", title, name)
	}
	if value[bool](p.browser, `window.owned === true || document.images.length > 0`) {
		t.Error("the file's name became markup")
	}
	p.await(`document.querySelector("#state").textContent.startsWith("read · ")`)
	value[bool](p.browser, `location.hash = "#/now", true`)
	p.await(`document.body.dataset.view === "live"`)
	if value[bool](p.browser, `document.querySelector("[data-to=now]").checkVisibility()`) {
		t.Error("the link to Now is shown without a daemon")
	}
	p.do(chromedp.Navigate("about:blank")) // a stream that ends is an error on the console
}

// install installs the chart with the values that were taken away, and expects
// their filter in it.
func (p page) install(t *testing.T) {
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte(*p.values), 0o600); err != nil {
		t.Fatal(err)
	}
	helm, err := controlplane.Binary("helm")
	if err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), helm, "install", "events", "charts/brigade-k8s-gateway", "--kubeconfig", p.kubeconfig,
		"--namespace", "ahab", "--set", "buildNamespace="+buildNamespace, "--values", values, "--no-hooks")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	maps, err := p.client.CoreV1().ConfigMaps("ahab").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	installed := fmt.Sprint(maps.Items)
	if !strings.Contains(installed, "ScalingReplicaSet") {
		t.Errorf("the filter is not in what Helm installed: %s", installed)
	}
	if out, err := exec.CommandContext(t.Context(), helm, "uninstall", "events", "--kubeconfig", p.kubeconfig, "--namespace", "ahab", "--no-hooks").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func (p page) hostileEvent(t *testing.T) {
	p.createEvent(t, "ahab", "hostile", "<script>owned</script>", hostileMessage)
	value[bool](p.browser, `document.activeElement.blur(), true`) // new Events wait while a row has the focus
	row := rowWith("hostile", "<script>owned</script>")
	p.await(row)
	value[bool](p.browser, row+`.click(), true`)
	p.await(`document.querySelector("#details .message")?.textContent.includes("<script>window.owned = true</script>")`)
	p.await(`document.querySelector("#details .message").textContent.includes("⟨U+202E⟩gnp.⟨U+0007⟩⟨U+001B⟩[31m")`)
	p.click("#details button", "Make a filter of this")
	p.await(`document.querySelector("#suggest .preview")?.textContent.includes("<script>owned</script>")`)
	p.click("#suggest button", "Cancel")
	if n := value[int](p.browser, `document.querySelectorAll("#rows script, #rows img, #details script, #details img, #suggest script").length`); n != 0 {
		t.Errorf("%d elements were made of text", n)
	}
	if value[bool](p.browser, `window.owned === true`) {
		t.Error("a stranger's script ran")
	}
	if width := value[int](p.browser, `document.documentElement.scrollWidth`); width > 1440 {
		t.Errorf("the page is %d pixels wide", width)
	}
	p.click("#details button[aria-label=Close]", "")
}

func (p page) keyboard(t *testing.T) {
	p.do(chromedp.Reload())
	p.await(`document.querySelectorAll("#tbody tr").length > 5`)
	p.keys("/")
	p.await(`document.activeElement.id === "search"`)
	p.keys("queequeg")
	p.await(`[...document.querySelectorAll("#tbody tr")].every(tr => tr.textContent.includes("queequeg"))`)
	row := func() int {
		return value[int](p.browser, `[...document.querySelectorAll("#tbody tr")].indexOf(document.activeElement.closest("tr"))`)
	}
	p.tabTo("row-open")
	p.keys(kb.ArrowDown)
	if at := row(); at != 1 {
		t.Errorf("arrow down goes to row %d", at)
	}
	p.keys(kb.Enter)
	p.await(`document.activeElement.id === "details-title"`)
	p.keys(kb.Escape)
	p.await(`document.querySelector("#details").hidden && document.activeElement.className === "row-open"`)
	p.tabTo("cm-content")
	p.keys(kb.Home, chromedp.ModifierCtrl)
	p.keys("# mine" + kb.Enter)
	p.await(`document.querySelector("#file-state").textContent.startsWith("edited")`)
	p.keys("z", chromedp.ModifierCtrl)
	p.keys(kb.Tab)
	if at := p.focused(); strings.Contains(at, "cm-content") {
		t.Error("Tab does not leave the editor")
	}
	p.discardIfEdited()
	value[bool](p.browser, `document.querySelector("#search").value = "", document.querySelector("#search").dispatchEvent(new Event("input")), true`)
}

func (p page) discardIfEdited() {
	if !value[bool](p.browser, `document.querySelector("#reset").hidden`) {
		p.discard()
	}
}

func (p page) now(*testing.T) {
	p.click("[data-to=now]", "Now")
	p.await(`document.querySelector("#now-content").textContent.includes("Leading")`)
	p.await(`document.querySelector("#now-content").textContent.includes("filters.yaml")`)
	p.await(`[...document.querySelectorAll("#now-content .builds code")].some(c => /^brig build logs [0-9a-z]{26} --namespace brigade$/.test(c.textContent))`)
	p.await(`[...document.querySelectorAll("#now-content .builds b")].some(b => b.textContent.startsWith("Scheduled: Pod pequod/"))`)
	p.shoot("page-now.png")
	p.axe("Now")
}

func (p page) phone(t *testing.T) {
	for _, view := range []string{"live", "filters", "now"} {
		p.do(chromedp.EmulateViewport(400, 800))
		value[bool](p.browser, `location.hash = "#/`+view+`", true`)
		p.await(`document.body.dataset.view === "` + view + `"`)
		if width := value[int](p.browser, `document.documentElement.scrollWidth`); width > 400 {
			t.Errorf("%s is %d pixels wide", view, width)
		}
		wide := value[[]string](p.browser, `[...document.querySelectorAll("main *:not(.cm-editor *)")].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > 401 && getComputedStyle(e).position !== "absolute" && !e.closest(".preview, .c-message, .c-object, .c-reason")).map(e => e.tagName + "." + e.className)`)
		if len(wide) > 0 {
			t.Errorf("%s: beyond the edge are %q", view, wide)
		}
		p.axe("a phone, " + view)
	}
	value[bool](p.browser, `location.hash = "#/live", true`)
	p.await(`document.body.dataset.view === "live"`)
	p.shoot("page-phone.png")
}

func (p page) dark(*testing.T) {
	p.do(chromedp.EmulateViewport(1440, 900), p.scheme("dark"))
	row := rowWith("ScalingReplicaSet", "starbuck")
	p.await(row)
	value[bool](p.browser, row+`.click(), true`)
	p.await(`document.querySelector("#details-title")?.textContent.includes("starbuck")`)
	p.await(`getComputedStyle(document.body).backgroundColor === "rgb(15, 18, 22)"`)
	p.shoot("page-dark.png")
	p.axe("dark")
	for _, view := range []string{"filters", "now"} {
		value[bool](p.browser, `location.hash = "#/`+view+`", true`)
		p.await(`document.body.dataset.view === "` + view + `"`)
		p.axe("dark, " + view)
	}
	p.click("#theme", "")
	p.await(`document.documentElement.dataset.theme === "light" && getComputedStyle(document.body).backgroundColor === "rgb(244, 246, 248)"`)
}
