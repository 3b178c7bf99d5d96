// Package faults breaks the environment of the gateway, on a real control plane and at
// random moments, and counts afterwards: one build for each accepted Event, none
// missing, none twice.
//
// Each fault has its own place (see newPlace): a namespace in which a writer creates
// numbered Events at a steady rate, and one for builds. At the end, accepted Events and
// build Secrets are compared one to one, and a line reports the result. `go test`
// applies each fault once or twice; `make test-faults ROUNDS=n` n times, and longer.
package faults

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

var (
	roundsFlag = flag.Int("rounds", 0, "how often each fault is applied; 0 for the short form")
	seedFlag   = flag.Uint64("seed", 0, "what the random moments are drawn from; 0 for another one each time")
)

// shared is the control plane of all faults that do not break it. TestMain starts it.
var shared *controlplane.ControlPlane

// sideBySide is how many faults run at the same time. They mostly wait.
const sideBySide = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m)) //nolint:forbidigo // TestMain is the main of a test binary
}

func run(m *testing.M) int {
	if *seedFlag == 0 {
		*seedFlag = rand.Uint64()
	}
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintf(os.Stdout, "rounds=%d seed=%d\n", *roundsFlag, *seedFlag)
	// The controller manager is here for the status of quotas.
	return controlplane.RunTests(m, controlplane.Options{ControllerManager: true}, &shared)
}

// rounds returns how often a fault is applied: as in the short form, or --rounds.
func rounds(short int) int {
	if *roundsFlag > 0 {
		return *roundsFlag
	}
	return short
}

// outage returns the length of an outage of the API server. In the long form, a Lease
// expires.
func outage() time.Duration {
	if *roundsFlag > 0 {
		return 30 * time.Second
	}
	return 4 * time.Second
}

// dice returns a source of random numbers for the named fault.
func dice(user string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(user))
	return rand.New(rand.NewPCG(*seedFlag, h.Sum64()))
}
