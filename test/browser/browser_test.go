package browser

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var update = flag.Bool("update", false, "write the screenshots that the documentation shows")

// patience bounds one step in the browser, on a machine that does other things.
const patience = 60 * time.Second

// browser is a tab of Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // how chromedp names a tab

	mu     sync.Mutex
	logged []string
	// expected are parts of messages that do not fail the test.
	expected []string
}

// newBrowser opens a tab. The test fails where the page logs an error, throws,
// or is refused something by its own policy.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &browser{t: t, ctx: ctx}
	console := chromedp.Console(ctx)
	b.do(chromedp.Navigate("about:blank"))
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				b.mu.Lock()
				b.logged = append(b.logged, m.String())
				b.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, message := range b.logged {
			if !slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(message, part) }) {
				t.Errorf("the browser's console: %s", message)
			}
		}
	})
	return b
}

// expect names parts of messages on the console that a test causes.
func (b *browser) expect(parts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, parts...)
}

// chromium returns the browser's program.
func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium: install it (Debian: apt-get install chromium)")
}

// do runs actions.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, action := range actions {
		if err := chromedp.Do(b.ctx, action); err != nil {
			b.t.Fatal(err)
		}
	}
}

// open opens the page at a size, in light or dark.
func (b *browser) open(address string, width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), b.scheme(scheme), chromedp.Navigate(address))
	b.await(`document.querySelector(".cm-content") && document.querySelector("#state").dataset.state !== "connecting"`)
}

// scheme makes the system's colors light or dark.
func (b *browser) scheme(scheme string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"},
			},
		})
		return chromedp.Void{}, err
	}
}

// await waits until an expression is true.
func (b *browser) await(expression string) {
	b.t.Helper()
	err := b.try(expression)
	if err != nil {
		text := value[string](b, `document.body.innerText.slice(0, 4000)`)
		b.t.Fatalf("waiting for %s: %v\n%s", expression, err, text)
	}
}

func (b *browser) try(expression string) error {
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](`Boolean(`+expression+`)`, chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(100*time.Millisecond)))
	return err
}

// value returns what an expression gives.
func value[T any](b *browser, expression string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// click clicks the first visible element that a selector and a text name.
func (b *browser) click(selector, text string) {
	b.t.Helper()
	find := `[...document.querySelectorAll(` + quote(selector) + `)].find(e => e.checkVisibility() && e.textContent.includes(` + quote(text) + `))`
	b.await(find)
	value[bool](b, find+`.click(), true`)
}

// fill sets a field to a value, as typing and choosing do.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	value[bool](b, `(e => {
		e.value = `+quote(text)+`;
		e.dispatchEvent(new Event("input", { bubbles: true }));
		return true;
	})(document.querySelector(`+quote(selector)+`))`)
}

// keys presses keys, one after the other. A key and its character are one
// message, so that a page which refuses the key is not sent the character.
func (b *browser) keys(keys string, modifiers ...chromedp.Modifier) {
	b.t.Helper()
	held := chromedp.Modifier(0)
	for _, m := range modifiers {
		held |= m
	}
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		for _, r := range keys {
			all := kb.Encode(r)
			down, up := all[0], all[len(all)-1]
			if len(all) == 3 && held&^chromedp.ModifierShift == 0 {
				down.Text, down.UnmodifiedText = all[1].Text, all[1].UnmodifiedText
			}
			for _, k := range []*input.DispatchKeyEventParams{down, up} {
				k.Modifiers |= int64(held)
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *k); err != nil {
					return chromedp.Void{}, err
				}
			}
		}
		return chromedp.Void{}, nil
	})
}

// focused says what has the focus: its ID, its class, and what it is called.
func (b *browser) focused() string {
	b.t.Helper()
	return value[string](b, `(e => [e.id, e.className, e.ariaLabel ?? e.textContent.slice(0, 60)].join(" "))(document.activeElement)`)
}

// tabTo presses Tab until what has the focus is called so.
func (b *browser) tabTo(wanted string, modifiers ...chromedp.Modifier) {
	b.t.Helper()
	for range 80 {
		if strings.Contains(b.focused(), wanted) {
			return
		}
		b.keys(kb.Tab, modifiers...)
	}
	b.t.Fatalf("Tab does not reach %s; it is at %s", wanted, b.focused())
}

// copied clicks the button that copies, and compares what it copied.
func (b *browser) copied(button, want string) {
	b.t.Helper()
	for _, permission := range []string{"clipboard-read", "clipboard-write"} {
		b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, t, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
				Permission: &cdpbrowser.PermissionDescriptor{Name: permission}, Setting: cdpbrowser.PermissionSettingGranted,
			})
			return chromedp.Void{}, err
		})
	}
	value[bool](b, `navigator.clipboard.writeText("nothing").then(() => true)`)
	b.click(button, "Copy")
	b.await(`[...document.querySelectorAll(` + quote(button) + `)].some(e => e.textContent === "Copied")`)
	got := value[string](b, `navigator.clipboard.readText()`)
	if got != want {
		b.t.Errorf("copied is %q, want %q", got, want)
	}
}

// downloadTo has downloads go to a folder.
func (b *browser) downloadTo(dir string) {
	b.t.Helper()
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
			Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		})
		return chromedp.Void{}, err
	})
}

// replaceList pastes a list over the one in the editor. Typing over several
// lines would not do: Chromium's own editing then sets a style attribute, which
// the page's policy refuses and the editor does not need.
func (b *browser) replaceList(list string) {
	b.t.Helper()
	value[bool](b, `document.querySelector(".cm-content").focus(), true`)
	b.keys("a", chromedp.ModifierCtrl)
	value[bool](b, `(text => {
		const clipboardData = new DataTransfer();
		clipboardData.setData("text/plain", text);
		document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
		return true;
	})(`+quote(list)+`)`)
}

// discard takes the list of the gateway again.
func (b *browser) discard() {
	b.t.Helper()
	value[bool](b, `localStorage.clear(), true`)
	value[bool](b, `document.querySelector("#reset").click(), true`)
	b.await(`document.querySelector("#reset").hidden`)
}

// shoot takes a picture, and keeps it for the documentation where asked to.
func (b *browser) shoot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	dir := b.t.TempDir()
	if *update {
		dir = "docs/images"
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), png, 0o644)); err != nil {
		b.t.Fatal(err)
	}
}

// quote returns a text as JavaScript.
func quote(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`", "$", "\\$").Replace(s) + "`"
}
