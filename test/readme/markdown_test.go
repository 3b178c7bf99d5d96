package readme

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBlocksAndCommands(t *testing.T) {
	const markdown = `# Title

Do this
in ` + "`a.yaml`" + `:

    one --flag     # what it does
    two \
      --more

    three

` + "```yaml\nkey: value\n```" + `

- a list
    with an indented line

    $ four
    its output
`
	want := []block{
		{language: "shell", text: "one --flag     # what it does\ntwo \\\n  --more\n\nthree\n", line: 6, before: "Do this\nin `a.yaml`:"},
		{language: "yaml", text: "key: value\n", line: 13, before: "Do this\nin `a.yaml`:"},
		{language: "shell", text: "$ four\nits output\n", line: 19, before: "- a list\n    with an indented line"},
	}
	got := blocks(markdown)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" {
		t.Fatalf("blocks (-want +got):\n%s", diff)
	}
	for i, want := range map[int][]command{
		0: {{text: "one --flag", line: 6}, {text: "two \\\n  --more", line: 7}, {text: "three", line: 10}},
		2: {{text: "four", line: 19, output: "its output\n"}},
	} {
		if diff := cmp.Diff(want, got[i].commands(), cmp.AllowUnexported(command{})); diff != "" {
			t.Errorf("commands of block %d (-want +got):\n%s", i, diff)
		}
	}
}
