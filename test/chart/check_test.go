package chart

import (
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/golden"
)

// The hook checks the new filters, has no token, and writes its report to Helm's
// output.
func TestTheCheckOfFiltersIsAHook(t *testing.T) {
	out := render(t, "--values", "testdata/values/first.yaml", "--set", "filterCheck.strict=true",
		"--show-only", "templates/check.yaml")
	golden.Check(t, "testdata/golden/check.yaml", out)
}
