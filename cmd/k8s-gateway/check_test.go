package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
  - kind: {a: Pod}
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

func TestCheckOfSeveralFiles(t *testing.T) {
	const (
		good  = "project: p\nfilters:\n  - kind: Pod\n    action: accept\n"
		fishy = "project: p\nfilters:\n  - kind: pod\n    action: accept\n"
		bad   = "project: p\nfilters:\n  - kind: Pod\n    action: acept\n"
	)
	const (
		warning = "fishy.yaml:3:11: warning: filters[0].kind: no object has the kind \"pod\"; write Pod\n    - kind: pod\n            ^\n"
		fault   = "bad.yaml:4:13: filters[0].action: unknown action \"acept\"; allowed are accept and reject\n      action: acept\n              ^\n"
	)
	for name, test := range map[string]struct {
		args           []string
		env, stdin     string
		stdout, stderr string
		err            string
	}{
		"files are named without a flag": {
			args: []string{"good.yaml", "fishy.yaml"}, stdout: "good.yaml: 1 filter\nfishy.yaml: 1 filter\n", stderr: warning,
		},
		"a fault in one does not hide the others": {
			args: []string{"bad.yaml", "fishy.yaml", "none.yaml", "good.yaml"}, stdout: "fishy.yaml: 1 filter\ngood.yaml: 1 filter\n",
			stderr: fault + warning + "reading the filter file: open none.yaml: no such file or directory\n", err: "reported",
		},
		"a warning fails with --strict": {
			args: []string{"--strict", "fishy.yaml"}, stdout: "fishy.yaml: 1 filter\n", stderr: warning, err: "reported",
		},
		"strict lets a good file pass":                   {args: []string{"--strict", "good.yaml"}, stdout: "good.yaml: 1 filter\n"},
		"a dash is standard input":                       {args: []string{"-"}, stdin: good, stdout: "stdin: 1 filter\n"},
		"with --config, too":                             {args: []string{"--config", "-"}, stdin: good, stdout: "stdin: 1 filter\n"},
		"--config and files":                             {args: []string{"--config", "good.yaml", "fishy.yaml"}, stdout: "good.yaml: 1 filter\nfishy.yaml: 1 filter\n", stderr: warning},
		"the environment names one if nothing else does": {env: "good.yaml", stdout: "good.yaml: 1 filter\n"},
		"the environment is ignored if a file is named":  {env: "bad.yaml", args: []string{"good.yaml"}, stdout: "good.yaml: 1 filter\n"},
		"two --config": {
			args: []string{"--config", "good.yaml", "--config", "bad.yaml"},
			err:  `invalid argument "bad.yaml" for "--config" flag: given twice, good.yaml and bad.yaml; the gateway has one filter file`,
		},
		"no file":           {err: "check needs a filter file: name one, or - for standard input"},
		"an unknown format": {args: []string{"-o", "xml", "good.yaml"}, err: `--output: unknown format "xml"; allowed are text and json`},
		"Helm values": {
			args: []string{"-"}, stdin: "replicas: 1\n" + good, stdout: "stdin: 1 filter (Helm values)\n",
		},
		"a ConfigMap": {
			args: []string{"-"}, stdin: "apiVersion: v1\nkind: ConfigMap\ndata:\n  filters.yaml: |\n    filters:\n      - action: reject\n",
			stdout: "stdin: 1 filter (ConfigMap)\n",
		},
		"JSON": {
			args: []string{"-o", "json", "fishy.yaml", "bad.yaml", "none.yaml"}, err: "reported",
			stdout: `{
  "files": [
    {
      "file": "fishy.yaml",
      "format": "filter file",
      "ok": true,
      "filters": 1,
      "faults": [],
      "warnings": [
        {
          "line": 3,
          "column": 11,
          "path": "filters[0].kind",
          "message": "no object has the kind \"pod\"; write Pod",
          "source": "  - kind: pod"
        }
      ]
    },
    {
      "file": "bad.yaml",
      "format": "filter file",
      "ok": false,
      "filters": 0,
      "faults": [
        {
          "line": 4,
          "column": 13,
          "path": "filters[0].action",
          "message": "unknown action \"acept\"; allowed are accept and reject",
          "source": "    action: acept"
        }
      ],
      "warnings": []
    },
    {
      "file": "none.yaml",
      "format": "filter file",
      "ok": false,
      "filters": 0,
      "faults": [
        {
          "message": "reading the filter file: open none.yaml: no such file or directory"
        }
      ],
      "warnings": []
    }
  ]
}
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("GATEWAY_CONFIG", test.env)
			for file, content := range map[string]string{"good.yaml": good, "fishy.yaml": fishy, "bad.yaml": bad} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var stdout, stderr bytes.Buffer
			cmd := newRootCommand()
			cmd.SetIn(strings.NewReader(test.stdin))
			cmd.SetOut(&stdout)
			cmd.SetErr(&stderr)
			cmd.SetArgs(append([]string{"check"}, test.args...))
			got := ""
			if err := cmd.ExecuteContext(t.Context()); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff([]string{test.err, test.stdout, test.stderr}, []string{got, stdout.String(), stderr.String()}); diff != "" {
				t.Errorf("error, stdout, stderr (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCheckFailsIfItCannotPrint has standard output on a full disk.
func TestCheckFailsIfItCannotPrint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "filters.yaml")
	if err := os.WriteFile(path, []byte("project: p\nfilters:\n  - action: accept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{formatText, formatJSON} {
		flags := checkFlags{output: output}
		err := flags.check([]string{path}, strings.NewReader(""), broken{}, io.Discard)
		if err == nil || err.Error() != "printing: no space left on device" {
			t.Errorf("%s: got %v", output, err)
		}
	}
}
