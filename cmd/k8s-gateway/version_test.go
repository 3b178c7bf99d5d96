package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	cmd := newRootCommand()
	cmd.SetArgs([]string{"version", "-o", "json"})
	cmd.SetOut(&out)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var info versionInfo
	if err := json.Unmarshal(out.Bytes(), &info); err != nil {
		t.Fatalf("%v in:\n%s", err, out.String())
	}
	if info.Version != version || info.Commit != commit || info.GoVersion == "" || info.Platform == "" {
		t.Errorf("got %+v", info)
	}
	cmd.SetArgs([]string{"version", "-o", "xml"})
	if err := cmd.Execute(); err == nil || err.Error() != `-o "xml": must be text or json` {
		t.Errorf("got %v", err)
	}
}
