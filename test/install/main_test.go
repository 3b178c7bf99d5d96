// Package install tests the chart and the gateway together: Helm installs the chart
// on a full control plane, and the gateway runs as a kubelet would run it, from the pod
// in the API server, with its mounts and with a token of its ServiceAccount. Tests of
// the chart alone are in test/chart.
package install

import (
	"os"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// plane is shared by all tests; TestMain starts and stops it.
var plane *controlplane.ControlPlane

// brigadeNamespace is where Brigade's controller looks for builds.
const brigadeNamespace = "brigade"

func TestMain(m *testing.M) {
	os.Exit(controlplane.RunTests(m, controlplane.Everything(), &plane)) //nolint:forbidigo // TestMain is the main of a test binary
}
