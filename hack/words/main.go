// Command words reports words that stay out of this repository: archaic ones, and
// those for which the project uses another word. The list is in words.txt.
//
//	git ls-files | go run ./hack/words
//
// It reads file names from standard input, one per line, and checks the files that
// people write. Its exit status is 1 if it finds such a word.
package main

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed words.txt
var list string

// word is one entry of the list.
type word struct {
	pattern *regexp.Regexp
	instead string
}

func main() {
	os.Exit(run(os.Stdin, os.Stdout, os.Stderr))
}

func run(names io.Reader, out, problems io.Writer) int {
	words, err := parse(list)
	if err != nil {
		fmt.Fprintln(problems, "words:", err)
		return 2
	}
	found := 0
	lines := bufio.NewScanner(names)
	for lines.Scan() {
		name := lines.Text()
		if !checked(name) {
			continue
		}
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			fmt.Fprintln(problems, "words:", err)
			return 2
		}
		for _, finding := range check(words, string(text)) {
			fmt.Fprintf(out, "%s:%s\n", name, finding)
			found++
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(problems, "words:", err)
		return 2
	}
	if found > 0 {
		return 1
	}
	return 0
}

// parse returns the entries of a list.
func parse(list string) ([]word, error) {
	var words []word
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		expression, instead, found := strings.Cut(line, "\t")
		if !found {
			return nil, fmt.Errorf("no tab in %q", line)
		}
		pattern, err := regexp.Compile("(?i)" + expression)
		if err != nil {
			return nil, err
		}
		words = append(words, word{pattern: pattern, instead: instead})
	}
	return words, nil
}

// checked reports whether people write the file with the given name. Test data
// is input or copied from output, and what others wrote keeps their words.
func checked(name string) bool {
	for _, part := range []string{"/testdata/", "/vendor/", "/node_modules/", "hack/words/"} {
		if strings.Contains("/"+name, part) {
			return false
		}
	}
	switch path.Base(name) {
	case "Makefile", "Dockerfile":
		return true
	case "values.schema.json":
		return true
	case "package-lock.json", "NOTICE", "LICENSE":
		return false
	}
	return slices.Contains([]string{".go", ".md", ".yaml", ".yml", ".tpl", ".txt", ".sh", ".js", ".mjs", ".css", ".html"}, path.Ext(name))
}

// check returns what is found in a text: line, match, and what to write. It
// finds a phrase that continues on the next line of a comment or a paragraph.
func check(words []word, text string) []string {
	var findings []string
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		next := ""
		if i+1 < len(lines) {
			next = " " + strings.TrimLeft(lines[i+1], " \t/#*-")
		}
		for _, w := range words {
			for _, at := range w.pattern.FindAllStringIndex(line+next, -1) {
				if at[0] < len(line) {
					findings = append(findings, fmt.Sprintf("%d: %q; write %s", i+1, (line + next)[at[0]:at[1]], w.instead))
				}
			}
		}
	}
	return findings
}
