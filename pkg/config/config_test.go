package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// mustParse parses a file that is known to have no faults.
func mustParse(t testing.TB, content string) *Config {
	t.Helper()
	cfg, err := Parse("filters.yaml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestParseFillsInDefaults(t *testing.T) {
	cfg := mustParse(t, "filters:\n  - kind: Pod\n    action: reject\n")
	if cfg.Project != "" || cfg.CommitRef != "refs/heads/master" || cfg.Warnings != nil {
		t.Errorf("%+v", cfg)
	}
	if diff := cmp.Diff(limit.DefaultLimits(), cfg.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

func TestParseReadsEveryKey(t *testing.T) {
	cfg := mustParse(t, `
project: deis/empty-testbed
commitRef: refs/heads/main
filters:
  - namespace: pequod
    kind: Pod
    reasons: [BackOff, "Failed*"]
    name: web-?
    type: Warning
    component: kubelet
    expression: count > 5
    action: accept
    project: deis/other
    oncePer: 1h30m
  - kind: Job
    action: accept
    oncePer: occurrence
  - action: reject
limits:
  buildsPerMinute: 600
  burst: 1
  activeBuilds: 5
  queued: 0x10
`)
	if cfg.Project != "deis/empty-testbed" || cfg.CommitRef != "refs/heads/main" {
		t.Errorf("%+v", cfg)
	}
	wantRules := []filter.Rule{
		{
			Namespace: []string{"pequod"}, Kind: []string{"Pod"}, Reasons: []string{"BackOff", "Failed*"}, Name: []string{"web-?"}, Type: []string{"Warning"},
			Component: []string{"kubelet"}, Expression: "count > 5", Action: filter.Accept, Project: "deis/other", CommitRef: "refs/heads/main",
			OncePer: filter.OncePer{Window: 90 * time.Minute},
		},
		{Kind: []string{"Job"}, Action: filter.Accept, Project: "deis/empty-testbed", CommitRef: "refs/heads/main", OncePer: filter.OncePer{Occurrence: true}},
		{},
	}
	if diff := cmp.Diff(wantRules, cfg.Filters.Rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	wantLimits := limit.Limits{BuildsPerMinute: 600, Burst: 1, ActiveBuilds: 5, Queued: 16}
	if diff := cmp.Diff(wantLimits, cfg.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

func TestEmptyValuesAreLikeKeysThatAreNotThere(t *testing.T) {
	cfg, err := Load("testdata/empty-values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []filter.Rule{{Kind: []string{"Pod"}, Action: filter.Accept, Project: "deis/empty-testbed", CommitRef: DefaultCommitRef}}
	if diff := cmp.Diff(want, cfg.Filters.Rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if cfg.CommitRef != DefaultCommitRef || cfg.Limits != limit.DefaultLimits() {
		t.Errorf("%+v", cfg)
	}
}

func TestTheFirstGatewaysFileLoadsUnchanged(t *testing.T) {
	cfg, err := Load("testdata/first-gateway.json")
	if err != nil {
		t.Fatal(err)
	}
	want := []filter.Rule{
		{Namespace: []string{"kube-system"}},
		{Kind: []string{"Pod"}, Reasons: []string{"Killing"}},
		{Kind: []string{"Pod"}, Namespace: []string{"pequod"}, Action: filter.Accept, Project: "deis/empty-testbed", CommitRef: DefaultCommitRef},
	}
	if diff := cmp.Diff(want, cfg.Filters.Rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestAnAliasStandsForItsValue(t *testing.T) {
	cfg, err := Load("testdata/aliases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{"BackOff", "Failed"}
	want := []filter.Rule{
		{Kind: []string{"Pod"}, Reasons: bad, Action: filter.Accept, Project: "deis/empty-testbed", CommitRef: DefaultCommitRef},
		{Kind: []string{"Job"}, Reasons: bad, Action: filter.Accept, Project: "deis/empty-testbed", CommitRef: DefaultCommitRef},
	}
	if diff := cmp.Diff(want, cfg.Filters.Rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// What does not fit into a readable file of testdata.
func TestParseRefusesBytesThatAreNoText(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"a byte that is not UTF-8": {
			"filters:\n  - kind: größe\xff\n",
			"filters.yaml:2:16: the byte 0xff is not valid UTF-8; save the file as UTF-8\n    - kind: größe\uFFFD\n                 ^",
		},
		"UTF-16": {
			"\xff\xfef\x00i\x00",
			"filters.yaml:1:1: the byte 0xff is not valid UTF-8; save the file as UTF-8\n  \uFFFD\uFFFDf\uFFFDi\uFFFD\n  ^",
		},
		"more than a ConfigMap holds": {
			strings.Repeat("#", MaxSize+1),
			"filters.yaml:1:1: the file has more than 1048576 bytes, the maximum of a ConfigMap",
		},
		"more brackets than a stack should hold": {
			strings.Repeat("[", 200_000),
			"filters.yaml:1:1: not valid YAML: exceeded max depth of 10000\n  " + strings.Repeat("[", 120) + "\n  ^",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Parse("filters.yaml", []byte(test.content))
			if err == nil || cfg != nil {
				t.Fatalf("got %+v, %v", cfg, err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadRefusesWhatIsTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "filters.yaml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil {
		t.Fatal(err)
	}
	var report *Error
	if _, err := Load(path); !errors.As(err, &report) || len(report.Faults) != 1 {
		t.Errorf("got %v", err)
	}
}

// TestAnEndlessFileIsRefused reads a device that has no end.
func TestAnEndlessFileIsRefused(t *testing.T) {
	const want = "/dev/zero:1:1: the file has more than 1048576 bytes, the maximum of a ConfigMap"
	if _, err := Load("/dev/zero"); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestLoadNamesTheFileItCannotRead(t *testing.T) {
	_, err := Load("testdata/absent.yaml")
	const want = "reading the filter file: open testdata/absent.yaml: no such file or directory"
	if err == nil || err.Error() != want || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestALongReportIsCutShort(t *testing.T) {
	_, err := Parse("filters.yaml", []byte("filters:\n"+strings.Repeat("  - action: no\n", 250)))
	var report *Error
	if !errors.As(err, &report) || len(report.Faults) != 250 {
		t.Fatalf("got %v", err)
	}
	const want = "filters.yaml: and 150 more faults"
	if got := err.Error(); !strings.HasSuffix(got, "\n"+want) || strings.Count(got, "unknown action") != 100 {
		t.Errorf("got %s", got)
	}
}

func TestSeverityString(t *testing.T) {
	if SeverityError.String() != "error" || SeverityWarning.String() != "warning" {
		t.Errorf("%s, %s", SeverityError, SeverityWarning)
	}
}
