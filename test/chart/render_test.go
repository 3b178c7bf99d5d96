package chart

import (
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

func TestRender(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, "testdata/golden/"+name+".yaml", render(t, "--values", values))
		})
	}
}

func TestNotes(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, "testdata/golden/"+name+".notes.txt", notes(t, "--values", values))
		})
	}
}

func TestLint(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			helm.Must(t, helm.NoCluster, "lint", "--strict", helm.Chart, "--values", values)
		})
	}
	t.Run("the default values", func(t *testing.T) {
		helm.Must(t, helm.NoCluster, "lint", "--strict", helm.Chart)
	})
}

func TestNotesWarn(t *testing.T) {
	const (
		allPods        = "accepts every Event about every pod"
		buildNamespace = "Events of brigade, where builds run, are accepted by "
	)
	tests := map[string]struct {
		filters string
		args    []string
		want    []string
	}{
		"one namespace is no matter": {
			filters: `[{"kind":"Pod","namespace":"pequod","action":"accept"}]`,
		},
		"all pods": {
			filters: `[{"kind":"Pod","action":"accept"}]`,
			want:    []string{"filters[0] " + allPods, buildNamespace + "filters[0]."},
		},
		"all pods by a glob, behind a filter that rejects some": {
			filters: `[{"namespace":"kube-*","action":"reject"},{"kind":"P?d","namespace":"*","action":"accept"}]`,
			want:    []string{"filters[1] " + allPods, buildNamespace + "filters[1]."},
		},
		"all pods but once in a while": {
			filters: `[{"namespace":"brigade","action":"reject"},{"kind":"Pod","oncePer":"10m","action":"accept"}]`,
		},
		"all pods for a reason": {
			filters: `[{"namespace":"brigade","action":"reject"},{"kind":"Pod","reasons":["BackOff"],"action":"accept"}]`,
		},
		"everything but pods": {
			filters: `[{"kind":"Pod","action":"reject"},{"action":"accept"}]`,
			want:    []string{buildNamespace + "filters[1]."},
		},
		"the build namespace by name and by glob": {
			filters: `[{"namespace":"brigade","type":"Warning","action":"accept"},{"namespace":"b*","action":"accept"},{"action":"accept","kind":"Job"}]`,
			want:    []string{buildNamespace + "filters[0], filters[1]."},
		},
		"behind a filter that rejects the build namespace": {
			filters: `[{"namespace":"brigade","action":"reject"},{"kind":"Job","action":"accept"}]`,
		},
		"behind a filter that rejects part of it": {
			filters: `[{"namespace":"brigade","kind":"Pod","action":"reject"},{"kind":"Job","action":"accept"}]`,
			want:    []string{buildNamespace + "filters[1]."},
		},
		"a namespace that only looks like it": {
			filters: `[{"namespace":"brigade?","action":"accept"},{"namespace":"brigad","action":"accept"},{"namespace":"brig","action":"accept"}]`,
		},
		"nodes have no namespace": {
			filters: `[{"kind":"Node","action":"accept"}]`,
		},
		"the build namespace is not watched": {
			filters: `[{"kind":"Job","action":"accept"}]`,
			args:    []string{"--set", "watch.namespaces={pequod}"},
		},
		"the build namespace is another": {
			filters: `[{"namespace":"brigade","action":"accept"}]`,
			args:    []string{"--set", "buildNamespace=builds"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--set", "project=p", "--set-json", "filters=" + test.filters}, test.args...)
			got := notes(t, args...)
			for _, want := range test.want {
				if !strings.Contains(got, "WARNING: "+want) {
					t.Errorf("no warning %q in:\n%s", want, got)
				}
			}
			if n := strings.Count(got, "WARNING"); n != len(test.want) {
				t.Errorf("%d warnings, want %d, in:\n%s", n, len(test.want), got)
			}
		})
	}
}

// notes returns what `helm install` prints below NOTES.
func notes(t *testing.T, args ...string) string {
	t.Helper()
	out := helm.Must(t, helm.NoCluster, append([]string{"install", release, helm.Chart, "--namespace", namespace, "--dry-run=client"}, args...)...)
	_, notes, found := strings.Cut(out, "\nNOTES:\n")
	if !found {
		t.Fatalf("no NOTES in:\n%s", out)
	}
	return notes
}
