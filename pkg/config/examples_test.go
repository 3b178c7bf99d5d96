package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// TestExamplesLoad checks that the files that users copy have neither faults nor
// warnings.
func TestExamplesLoad(t *testing.T) {
	paths, err := filepath.Glob("../../examples/*")
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, path := range paths {
		if ext := filepath.Ext(path); ext != ".yaml" && ext != ".json" || strings.HasSuffix(path, "_test.yaml") {
			continue
		}
		cfg, err := Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, w := range cfg.Warnings {
			t.Error(w)
		}
		loaded++
	}
	if loaded < 7 {
		t.Errorf("only %d examples were found", loaded)
	}
}

// TestDocumentationLoads does the same for every YAML block of the pages that
// show filter files.
func TestDocumentationLoads(t *testing.T) {
	for page, atLeast := range map[string]int{"../../docs/filters.md": 10, "../../README.md": 2} {
		blocks := fencedBlocks(t, page, "yaml")
		if len(blocks) < atLeast {
			t.Errorf("%s: only %d blocks were found", page, len(blocks))
		}
		for _, block := range blocks {
			cfg, err := Parse("block.yaml", []byte(block))
			if err != nil {
				t.Errorf("%s: %v\nin\n%s", page, err, block)
				continue
			}
			for _, w := range cfg.Warnings {
				t.Errorf("%s: %v\nin\n%s", page, w, block)
			}
		}
	}
}

// TestDocumentationShowsARealReport compares the report that docs/filters.md
// explains with what Parse prints.
func TestDocumentationShowsARealReport(t *testing.T) {
	want, err := os.ReadFile("testdata/five-faults.yaml.golden")
	if err != nil {
		t.Fatal(err)
	}
	blocks := fencedBlocks(t, "../../docs/filters.md", "text")
	if diff := cmp.Diff([]string{string(want)}, blocks); diff != "" {
		t.Errorf("reports in docs/filters.md (-want +got):\n%s", diff)
	}
}

// fencedBlocks returns the blocks of a Markdown file that are marked with a
// language.
func fencedBlocks(t *testing.T, path, language string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

func TestTheExampleListDecidesAsItsCommentsSay(t *testing.T) {
	cfg, err := Load("../../examples/filters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		kind, namespace, reason string
		want                    filter.Verdict
	}{
		"the system's namespace is rejected": {"Pod", "kube-system", "BackOff", filter.Verdict{By: "filters[0]"}},
		"Nodes are rejected":                 {"Node", "", "NodeNotReady", filter.Verdict{By: "filters[1]"}},
		"a Pod that is stopped is rejected":  {"Pod", "pequod", "Killing", filter.Verdict{By: "filters[2]"}},
		"any other Event about a Pod in pequod is accepted": {
			"Pod", "pequod", "BackOff", filter.Verdict{Action: filter.Accept, By: "filters[3]", Project: "deis/empty-testbed", CommitRef: DefaultCommitRef},
		},
		"Pods elsewhere are rejected": {"Pod", "default", "BackOff", filter.Verdict{By: "filters[4]"}},
		"Jobs in pequod are rejected": {"Job", "pequod", "Completed", filter.Verdict{By: "filters[4]"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &corev1.Event{Reason: test.reason, InvolvedObject: corev1.ObjectReference{Kind: test.kind, Namespace: test.namespace}}
			if diff := cmp.Diff(test.want, cfg.Filters.Decide(e)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheExampleInJSONIsTheOneInYAML(t *testing.T) {
	inYAML, err := Load("../../examples/filters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inJSON, err := Load("../../examples/filters.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inYAML.Filters.Rules(), inJSON.Filters.Rules()); diff != "" {
		t.Errorf("rules (-YAML +JSON):\n%s", diff)
	}
}

// A handler that no Event can reach would teach the wrong thing.
func TestTheExampleScriptHandlesWhatExamplesAccept(t *testing.T) {
	script, err := os.ReadFile("../../examples/brigade.js")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), `const { events, Job } = require("brigadier");`) {
		t.Error("the script does not load brigadier")
	}
	topics := regexp.MustCompile(`events\.on\("([A-Za-z]+):([A-Za-z]+)"`).FindAllStringSubmatch(string(script), -1)
	if len(topics) < 2 {
		t.Fatalf("only %d handlers were found", len(topics))
	}
	for _, topic := range topics {
		example := "../../examples/warnings.yaml"
		cfg, err := Load(example)
		if err != nil {
			t.Fatal(err)
		}
		e := &corev1.Event{Reason: topic[2], Type: "Warning", InvolvedObject: corev1.ObjectReference{Kind: topic[1], Namespace: "pequod"}}
		if verdict := cfg.Filters.Decide(e); verdict.Action != filter.Accept {
			t.Errorf("%s:%s is handled, but %s decides %s", topic[1], topic[2], example, verdict.Action)
		}
	}
}
