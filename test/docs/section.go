// Package docs compares what CONTRIBUTING.md and docs/design.md say about the code
// with the code.
package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Root is the repository's root from the folder of a command or of a test.
const Root = "../.."

// Read returns the text of a file of the repository.
func Read(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(Root, filepath.FromSlash(name)))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// Section returns the text below a second-level heading of a document, up to the next one.
func Section(tb testing.TB, name, heading string) string {
	tb.Helper()
	_, text, found := strings.Cut(Read(tb, name), "\n## "+heading+"\n")
	if !found {
		tb.Fatalf("%s has no section %q", name, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}
