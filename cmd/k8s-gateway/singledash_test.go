package main

import (
	"io"
	"testing"
)

func TestSingleDash(t *testing.T) {
	tests := map[string]struct {
		arg  string
		want string
	}{
		"a flag of the first gateway": {"-namespace=pequod", "unknown shorthand flag: 'n' in -namespace=pequod: flags have two dashes, write --namespace"},
		"another":                     {"-config=filters.json", "unknown shorthand flag: 'c' in -config=filters.json: flags have two dashes, write --config"},
		"an unknown flag":             {"--nope", "unknown flag: --nope"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := newRootCommand()
			cmd.SetArgs([]string{test.arg})
			cmd.SetOut(io.Discard)
			cmd.SetErr(io.Discard)
			if err := cmd.Execute(); err == nil || err.Error() != test.want {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}
