package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// execute runs the command line and returns its error, what it printed and what
// it said beside that.
func execute(t *testing.T, args ...string) (err, stdout, stderr string) {
	t.Helper()
	var out, aside bytes.Buffer
	cmd := newRootCommand()
	cmd.SetIn(strings.NewReader(""))
	cmd.SetOut(&out)
	cmd.SetErr(&aside)
	cmd.SetArgs(args)
	if e := cmd.ExecuteContext(t.Context()); e != nil {
		err = e.Error()
	}
	return err, out.String(), aside.String()
}

// Every example has tests, and they pass and leave out no filter.
func TestTheExamplesPassTheirTests(t *testing.T) {
	filters, err := filepath.Glob("../../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"test", "--strict"}
	for _, path := range filters {
		if strings.HasSuffix(path, "_test.yaml") {
			continue
		}
		args = append(args, strings.TrimSuffix(path, ".yaml")+"_test.yaml")
	}
	if fault, stdout, stderr := execute(t, args...); fault != "" || strings.Contains(stdout, "FAIL") || len(args) < 8 {
		t.Errorf("%s\n%s%s", fault, stdout, stderr)
	}
}

func TestTestsOnTheCommandLine(t *testing.T) {
	const (
		filters = "project: p\nfilters:\n  - kind: Node\n    scope: Cluster\n    action: reject\n  - kind: Pod\n    action: accept\n"
		right   = "filters: filters.yaml\ntests:\n  - name: a Pod builds\n    event: {kind: Pod}\n    expect: {verdict: accept}\n"
		wrong   = "filters: filters.yaml\ntests:\n  - name: a Node builds\n    event: {kind: Node}\n    expect: {verdict: accept}\n"
		lost    = "filters: none.yaml\ntests:\n  - name: a Node builds\n    event: {kind: Node}\n    expect: {verdict: accept}\n"
	)
	const passes = "right_test.yaml\n  ok    a Pod builds\n1 test, 0 failed; 1 of 2 filters decided, no test is decided by filters[0]\n"
	const fails = `wrong_test.yaml
  FAIL  a Node builds (line 3)
          - verdict: accept
          + verdict: reject
          why, for Node example, Example:
            filters[0]: matches, and decides
1 test, 1 failed; 1 of 2 filters decided, no test is decided by filters[1]
`
	for name, test := range map[string]struct {
		args                []string
		err, stdout, stderr string
	}{
		"tests that pass":           {args: []string{"right_test.yaml"}, stdout: passes},
		"a test that fails":         {args: []string{"right_test.yaml", "wrong_test.yaml"}, err: "reported", stdout: passes + fails},
		"a filter without a test":   {args: []string{"--strict", "right_test.yaml"}, err: "reported", stdout: passes},
		"only those that are named": {args: []string{"--run", "a Pod", "right_test.yaml"}, stdout: passes},
		"none that is named so": {
			args: []string{"--run", "Job", "right_test.yaml"}, err: `--run "Job": no test has a name that matches`,
			stdout: "right_test.yaml\n0 tests, 0 failed; 0 of 2 filters decided, no test is decided by filters[0], filters[1]\n",
		},
		"a filter file that is not there does not hide the others": {
			args: []string{"lost_test.yaml", "right_test.yaml"}, err: "reported", stdout: passes,
			stderr: "lost_test.yaml:1:10: filters: no file none.yaml; the path is relative to this file\n  filters: none.yaml\n           ^\n",
		},
		"a test file that is not there": {
			args: []string{"none_test.yaml"}, err: "reported",
			stderr: "reading the test file: open none_test.yaml: no such file or directory\n",
		},
		"all that is wrong with the command line": {
			args: []string{"-o", "xml", "--run", "(", "--config", "filters.yaml", "--live", "--namespace", "q", "--allow-brigade-events"},
			err: "--output: unknown format \"xml\"; allowed are text, json and junit\n" +
				"--run: error parsing regexp: missing closing ): `(`\n" +
				"test needs a test file: name one, or write one with --record\n" +
				"--config, --live, --allow-brigade-events, --namespace: only with --record; a test file names its filter file and its Events",
		},
		"recording without Events": {
			args: []string{"--record", "new_test.yaml", "--config", "filters.yaml"},
			err:  "test --record needs Events: name a file, - for standard input, or --live for the cluster's",
		},
		"recording from one namespace of a file": {
			args: []string{"--record", "new_test.yaml", "--config", "filters.yaml", "--namespace", "pequod", "--master", "https://example.com", "event.json"},
			err:  "--namespace, --master: only with --live; all Events of a file are read",
		},
		"recording over an existing file": {
			args: []string{"--record", "right_test.yaml", "--config", "filters.yaml", "event.json"},
			err:  "writing the test file: open right_test.yaml: file exists; remove it, or name another file",
		},
		"recording": {
			args:   []string{"--record", "tests/new_test.yaml", "--config", "filters.yaml", "event.json"},
			stderr: "tests/new_test.yaml: 1 test from 1 Event\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			event, err := os.ReadFile("../../pkg/eventinput/testdata/event.json")
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			if err := os.Mkdir("tests", 0o755); err != nil {
				t.Fatal(err)
			}
			for file, content := range map[string]string{
				"filters.yaml": filters, "right_test.yaml": right, "wrong_test.yaml": wrong, "lost_test.yaml": lost, "event.json": string(event),
			} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			fault, stdout, stderr := execute(t, append([]string{"test"}, test.args...)...)
			if diff := cmp.Diff([]string{test.err, test.stdout, test.stderr}, []string{fault, stdout, stderr}); diff != "" {
				t.Errorf("error, stdout, stderr (-want +got):\n%s", diff)
			}
			if name != "recording" {
				return
			}
			if fault, stdout, stderr := execute(t, "test", "tests/new_test.yaml"); fault != "" || !strings.Contains(stdout, "1 test, 0 failed") {
				t.Errorf("what was recorded does not pass: %s\n%s%s", fault, stdout, stderr)
			}
		})
	}
}
