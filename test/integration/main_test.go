// Package integration proves what the gateway does on a real control plane:
// etcd, kube-apiserver with RBAC, controller manager, scheduler, nodes and
// Brigade's own controller. The gateway is the release binary in a process of
// its own. All tests share one control plane, each in namespaces of its own,
// and run side by side.
package integration

import (
	"fmt"
	"os"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// plane is shared by all tests; TestMain starts and stops it.
var plane *controlplane.ControlPlane

// brigadeNamespace is where Brigade's controller looks for builds.
const brigadeNamespace = "brigade"

// withoutInotify is the environment variable that has the test binary become
// the program in its arguments, for which inotify is not available.
const withoutInotify = "TEST_WITHOUT_INOTIFY"

func TestMain(m *testing.M) {
	if os.Getenv(withoutInotify) != "" {
		fmt.Fprintln(os.Stderr, becomeWithoutInotify(os.Args[1:]))
		os.Exit(1) //nolint:forbidigo // TestMain is the main of a test binary
	}
	os.Exit(controlplane.RunTests(m, controlplane.Everything(), &plane)) //nolint:forbidigo // TestMain is the main of a test binary
}
