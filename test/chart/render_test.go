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
	knative := []string{"--set-json", destination}
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
		"the build namespace to a destination": {
			filters: `[{"kind":"Job","action":"accept","destination":"knative"}]`,
			args:    knative,
		},
		"the build namespace to a destination and to Brigade": {
			filters: `[{"kind":"Job","action":"accept","destination":"knative"},{"kind":"Node","scope":"Cluster","action":"accept"},{"kind":"Pod","type":"Warning","action":"accept"}]`,
			args:    knative,
			want:    []string{buildNamespace + "filters[2]."},
		},
		"all pods to a destination": {
			filters: `[{"kind":"Pod","action":"accept","destination":"knative"}]`,
			args:    append([]string{"--set", "extraArgs={--allow-brigade-events}"}, knative...),
			want:    []string{"filters[0] " + allPods},
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

// destination is a value with one receiver of CloudEvents.
const destination = `destinations=[{"name":"knative","cloudEvents":{"url":"http://broker.example.com"}}]`

// TestNotesOfDestinations: the notes speak of builds only where Brigade makes some.
func TestNotesOfDestinations(t *testing.T) {
	const (
		pods = `{"kind":"Pod","action":"accept"`
		to   = `,"destination":"knative"}`
	)
	tests := map[string]struct {
		filters string
		want    string
		// builds is whether the notes speak of builds.
		builds bool
	}{
		"only a destination":        {filters: "[" + pods + to + "," + pods + to + "]", want: "all namespaces and sends messages to knative.\n"},
		"a destination and Brigade": {filters: `[{"kind":"Job","action":"accept"},` + pods + to + "]", want: "all namespaces and creates builds in brigade, and sends messages to knative.\n", builds: true},
		"only Brigade":              {filters: "[" + pods + "}]", want: "all namespaces and creates builds in brigade.\n", builds: true},
		"no filter":                 {filters: "[]", want: "all namespaces and sends nothing, because no filter accepts.\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := notes(t, "--set", "project=p", "--set-json", destination, "--set-json", "filters="+test.filters)
			if !strings.Contains(got, test.want) {
				t.Errorf("no %q in:\n%s", test.want, got)
			}
			for _, word := range []string{"build", "brig build list"} {
				if strings.Contains(got, word) != test.builds {
					t.Errorf("%q is in the notes: %t, want %t, in:\n%s", word, !test.builds, test.builds, got)
				}
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
