package main

import (
	"io"
	"strings"
	"testing"
)

func TestTwoFilterFilesAreRefused(t *testing.T) {
	for name, args := range map[string]string{
		"by the gateway": "--config=a.yaml --config=b.yaml",
		"by check":       "check --config=a.yaml --config=b.yaml",
		"by explain":     "explain --config=a.yaml --config=b.yaml -",
		"by test":        "test --record=- --config=a.yaml --config=b.yaml -",
		"by ui":          "ui --config=a.yaml --config=b.yaml",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := newRootCommand()
			cmd.SetOut(io.Discard)
			cmd.SetErr(io.Discard)
			cmd.SetArgs(strings.Fields(args))
			err := cmd.ExecuteContext(t.Context())
			want := `invalid argument "b.yaml" for "--config" flag: given twice, a.yaml and b.yaml; the gateway has one filter file`
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}
