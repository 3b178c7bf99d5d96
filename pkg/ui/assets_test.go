package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// The page works in a cluster without internet access: nothing is loaded from
// elsewhere, and every file that a file names exists.
func TestAssetsNeedNothingFromOutside(t *testing.T) {
	imports := regexp.MustCompile(`(?:from|import) "([^"]+)"`)
	links := regexp.MustCompile(`(?:src|href)="([^"#]+)"`)
	elsewhere := regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z]`)
	err := fs.WalkDir(assets, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "/vendor/") {
			return err
		}
		data, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		if found := elsewhere.Find(bytes.ReplaceAll(data, []byte("http://www.w3.org/2000/svg"), nil)); found != nil {
			t.Errorf("%s loads %s", name, found)
		}
		var named []string
		for _, m := range imports.FindAllSubmatch(data, -1) {
			named = append(named, path.Join(path.Dir(name), string(m[1])))
		}
		if path.Ext(name) == ".html" {
			for _, m := range links.FindAllSubmatch(data, -1) {
				named = append(named, strings.TrimPrefix(string(m[1]), "/"))
			}
			for _, inline := range []string{"<script>", "<style", " style=", " onclick=", "javascript:"} {
				if bytes.Contains(data, []byte(inline)) {
					t.Errorf("%s has %s, which the page's policy refuses", name, inline)
				}
			}
		}
		for _, file := range named {
			if _, err := fs.Stat(assets, file); err != nil {
				t.Errorf("%s names %s: %v", name, file, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Text never becomes markup.
func TestScriptsMakeNoMarkupOfText(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setAttribute\("(style|on)`)
	err := fs.WalkDir(assets, "assets", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".js" || strings.Contains(name, "/vendor/") {
			return err
		}
		data, err := assets.ReadFile(name)
		if found := forbidden.Find(data); found != nil {
			t.Errorf("%s uses %s", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The bundle is of the pinned packages. `make verify` builds it again; this test
// needs no npm.
func TestEditorIsBundledFromWhatIsPinned(t *testing.T) {
	sum := sha256.New()
	for _, name := range []string{"codemirror.js", "package-lock.json", "go.mod", "bundle.sh"} {
		data, err := os.ReadFile("../../hack/ui/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(data)
	}
	want, err := assets.ReadFile("assets/vendor/codemirror.inputs.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != strings.TrimSpace(string(want)) {
		t.Error("what the editor is bundled from has changed: run hack/ui/bundle.sh and commit what it writes")
	}
}
