package controlplane

import (
	"context"
	"testing"
)

// StartForTest starts a control plane for a test and stops it when the test has
// ended. If the test has failed by then, the logs stay, and it says where.
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

// Eventually asks ready until it has no error, and fails the test when that
// has not come within startTimeout.
func Eventually(tb testing.TB, ready func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	if err := Until(ctx, ready); err != nil {
		tb.Fatal(err)
	}
}
