package chart

import (
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
)

// The hook has the new filters and not those of the release, no token, and its
// report in Helm's output.
func TestTheCheckOfFiltersIsAHook(t *testing.T) {
	out := render(t, "--values", "testdata/values/first.yaml", "--set", "filterCheck.enabled=true,filterCheck.strict=true",
		"--show-only", "templates/check.yaml")
	golden.Check(t, "testdata/golden/check.yaml", out)
}
