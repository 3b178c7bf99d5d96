package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		content string
		stdout  string
		stderr  []string
		fails   bool
	}{
		"a good file is counted": {
			content: "project: p\nfilters:\n  - kind: Pod\n    action: accept\n  - action: reject\n",
			stdout:  "filters.yaml: 2 filters\n",
		},
		"a warning does not fail it": {
			content: "project: p\nfilters:\n  - action: reject\n  - kind: Pod\n    action: accept\n",
			stdout:  "filters.yaml: 2 filters\n",
			stderr:  []string{"filters.yaml:4:5: "},
		},
		"five faults are five reports": {
			content: `project: p
filters:
  - kidn: Pod
    action: accept
  - kind: Pod
    action: acept
  - kind: [Pod]
    action: accept
  - kind: Pod
    oncePer: 10 minutes
    action: accept
  - reasons: [Killing, ""]
    action: reject
`,
			stderr: []string{
				"filters.yaml:3:5: filters[0].kidn: ",
				"filters.yaml:6:13: filters[1].action: ",
				"filters.yaml:7:11: filters[2].kind: ",
				"filters.yaml:10:14: filters[3].oncePer: ",
				"filters.yaml:12:24: filters[4].reasons[1]: ",
			},
			fails: true,
		},
		"a file that is not YAML is placed": {
			content: "project: [\n",
			stderr:  []string{"filters.yaml:"},
			fails:   true,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("filters.yaml", []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			cmd := newRootCommand()
			cmd.SetOut(&stdout)
			cmd.SetErr(&stderr)
			cmd.SetArgs([]string{"check", "--config", "filters.yaml"})
			err := cmd.ExecuteContext(t.Context())
			if (err != nil) != tc.fails {
				t.Errorf("error %v, want one: %t", err, tc.fails)
			}
			if stdout.String() != tc.stdout {
				t.Errorf("stdout %q, want %q", stdout.String(), tc.stdout)
			}
			for _, want := range tc.stderr {
				if !strings.Contains("\n"+stderr.String(), "\n"+want) {
					t.Errorf("no report %q in:\n%s", want, stderr.String())
				}
			}
			if reports := strings.Count("\n"+stderr.String(), "\nfilters.yaml:"); reports != len(tc.stderr) {
				t.Errorf("%d reports, want %d:\n%s", reports, len(tc.stderr), stderr.String())
			}
		})
	}
}

func TestCheckOfAFileThatIsNotThere(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	var stderr bytes.Buffer
	cmd := newRootCommand()
	cmd.SetErr(&stderr)
	cmd.SetArgs([]string{"check", "--config", missing})
	err := cmd.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(stderr.String(), missing) {
		t.Errorf("error %v, stderr %q, want the file named", err, stderr.String())
	}
}
