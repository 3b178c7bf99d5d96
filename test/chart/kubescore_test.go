package chart

import (
	"encoding/json"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/docs"
)

// Each finding of kube-score, in any of the value sets, has an answer in the table of
// docs/design.md, and each answer has a finding.
func TestKubeScore(t *testing.T) {
	binary, err := controlplane.Binary("kube-score")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for name, values := range valueSets(t) {
		score := exec.CommandContext(t.Context(), binary, "score", "--output-format=json", "-")
		score.Stdin = strings.NewReader(render(t, "--values", values))
		out, _ := score.Output() // its status is 1 for findings
		var objects []struct {
			Checks []struct {
				Check   struct{ ID string }
				Grade   int
				Skipped bool
			}
		}
		if err := json.Unmarshal(out, &objects); err != nil || len(objects) == 0 {
			t.Fatalf("%s: kube-score printed %q: %v", name, out, err)
		}
		const good = 10
		for _, object := range objects {
			for _, c := range object.Checks {
				if !c.Skipped && c.Grade < good {
					found[c.Check.ID] = true
				}
			}
		}
	}
	section := docs.Section(t, "docs/design.md", "What kube-score finds")
	var answered []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(section, -1) {
		answered = append(answered, row[1])
	}
	slices.Sort(answered)
	if diff := cmp.Diff(answered, slices.Sorted(maps.Keys(found))); diff != "" {
		t.Errorf("answers in docs/design.md and findings (-answers +findings):\n%s", diff)
	}
}
