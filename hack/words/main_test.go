package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	words, err := parse(list)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"a planted word":                        {"// x is computed anew", `1: "anew"; write again`},
		"one with a capital":                    {"\nWhoever reads this", `2: "Whoever"; write "the one that", or "users who"`},
		"a phrase on two lines of a comment":    {"// It waits for\n// ever.", `1: "for ever"; write forever`},
		"a phrase on two lines of a paragraph":  {"the rule stands\nin the file", `1: "stands in"; write is in`},
		"a word that is found on its own line":  {"fine\nlest\n", `2: "lest"; write a plainer word`},
		"a word inside of another one is none":  {"renewal and mended_x", ""},
		"saving something is not an exception":  {"Save stores the position; save the file", ""},
		"what stands for something stands here": {"RV stands for resourceVersion", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(check(words, test.text), "\n"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRunFailsOnAPlantedWord(t *testing.T) {
	dir := t.TempDir()
	names := ""
	for name, text := range map[string]string{
		"planted.go":     "package planted\n\n// New begins anew.\n",
		"fine.md":        "Everything is fine.\n",
		"data.json":      `{"text": "anew"}`,
		"testdata/in.go": "// anew\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		names += name + "\n"
	}
	var out, problems bytes.Buffer
	code := run(strings.NewReader(names), &out, &problems)
	if want := filepath.Join(dir, "planted.go") + ":3: \"anew\"; write again\n"; code != 1 || out.String() != want || problems.Len() > 0 {
		t.Errorf("exit code %d, output %q, want %q, problems %q", code, out.String(), want, problems.String())
	}
	fine := filepath.Join(dir, "fine.md") + "\n" + filepath.Join(dir, "deleted.md") + "\n"
	if code := run(strings.NewReader(fine), &out, &problems); code != 0 {
		t.Errorf("exit code %d for a file without such words and one that was deleted", code)
	}
}
