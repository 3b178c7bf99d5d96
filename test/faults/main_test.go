// Package faults breaks what the gateway lives in, on a real control plane and
// at random moments, and counts afterwards: one build for each accepted Event,
// none missing, none twice.
//
// A fault has a place of its own (see newPlace): a namespace in which a writer
// creates numbered Events at a steady rate throughout, and one for builds. At
// the end the accepted Events and the build Secrets are compared one to one,
// and a line says what came of it. `go test` applies each fault once or twice;
// `make test-faults ROUNDS=n` n times, and for longer.
package faults

import (
	"context"
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

// shared is the plane of all faults that leave it as it is. TestMain starts it.
var shared *controlplane.ControlPlane

// sideBySide is how many faults run at a time. They mostly wait.
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
	// The controller manager is here for the status of quotas.
	cp, err := controlplane.Start(context.Background(), controlplane.Options{ControllerManager: true, Progress: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the control plane:", err)
		return 1
	}
	shared = cp
	fmt.Fprintf(os.Stdout, "rounds=%d seed=%d\n", *roundsFlag, *seedFlag)
	code := m.Run()
	if err := cp.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
		return 1
	}
	return code
}

// rounds returns how often a fault is applied whose short form has that many.
func rounds(short int) int {
	if *roundsFlag > 0 {
		return *roundsFlag
	}
	return short
}

// outage returns how long the API server is away: long enough, in the long
// form, for a Lease to be lost.
func outage() time.Duration {
	if *roundsFlag > 0 {
		return 30 * time.Second
	}
	return 4 * time.Second
}

// dice returns a source of random numbers for the given user.
func dice(user string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(user))
	return rand.New(rand.NewPCG(*seedFlag, h.Sum64()))
}
