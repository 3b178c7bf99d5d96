package controlplane

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// RunTests starts the control plane that all tests of a package share, sets plane to
// it, runs the tests and stops it. It returns the exit code for TestMain.
func RunTests(m *testing.M, options Options, plane **ControlPlane) int {
	options.Progress = os.Stderr
	cp, err := Start(context.Background(), options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the control plane:", err)
		return 1
	}
	*plane = cp
	code := m.Run()
	if err := cp.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
		return 1
	}
	return code
}

// StartForTest starts a control plane for a test and stops it when the test has
// ended. If the test has failed by then, the logs stay and their folder is logged.
func StartForTest(tb testing.TB, options Options) *ControlPlane {
	tb.Helper()
	if options.Progress == nil {
		options.Progress = tb.Output()
	}
	cp, err := Start(tb.Context(), options)
	if err != nil {
		tb.Fatalf("starting a control plane: %v", err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			if logs, err := cp.KeepLogs(); err == nil {
				tb.Logf("the control plane's logs: %s", logs)
			}
		}
		if err := cp.Stop(); err != nil {
			tb.Errorf("stopping the control plane: %v", err)
		}
	})
	return cp
}

// Eventually calls ready until it returns no error, and fails the test after
// startTimeout.
func Eventually(tb testing.TB, ready func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	if err := Until(ctx, ready); err != nil {
		tb.Fatal(err)
	}
}
