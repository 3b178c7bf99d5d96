package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestReleaseNotes(t *testing.T) {
	const changelog = `# Changelog

## Unreleased

- [CHANGE] Not yet.

## 1.2.0 / 2026-11-25

- [FEATURE] One that
  takes two lines.
- [BUGFIX] Another.

## 1.1.0 / 2026-01-02

- [CHANGE] Old.
`
	path := filepath.Join(t.TempDir(), "CHANGELOG.md")
	if err := os.WriteFile(path, []byte(changelog), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ version, want, fault string }{
		"a release":                 {version: "v1.2.0", want: "- [FEATURE] One that\n  takes two lines.\n- [BUGFIX] Another.\n"},
		"the first release":         {version: "v1.1.0", want: "- [CHANGE] Old.\n"},
		"a commit after a release":  {version: "v1.2.0-3-gabcdef0", want: "- [CHANGE] Not yet.\n"},
		"a commit without any tag":  {version: "abcdef0", want: "- [CHANGE] Not yet.\n"},
		"uncommitted changes":       {version: "v1.2.0-dirty", want: "- [CHANGE] Not yet.\n"},
		"a release without section": {version: "v2.0.0", fault: path + ` has no section "## 2.0.0": rename Unreleased to 2.0.0, followed by the date, before the tag is set`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := releaseNotes(path, test.version)
			if fault := text(err); fault != test.fault {
				t.Fatalf("got the error %q, want %q", fault, test.fault)
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestChanges(t *testing.T) {
	got := changes("- [FEATURE] One that\n  takes two lines.\n- [BUGFIX] Another.\n- [OTHER] Kind.\n- No kind.\n")
	want := []change{{"added", "One that takes two lines."}, {"fixed", "Another."}, {"changed", "Kind."}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChartVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":             "1.2.3",
		"v1.2.3-rc.1":        "1.2.3-rc.1",
		"v1.2.3-4-gabcdef0":  "1.2.3-4-gabcdef0",
		"abcdef0":            "0.0.0-gabcdef0",
		"0123456":            "0.0.0-g0123456",
		"abcdef0-dirty":      "0.0.0-gabcdef0-dirty",
		"a/branch with_odds": "0.0.0-ga-branch-with-odds",
	} {
		if got := chartVersion(version); got != want {
			t.Errorf("%s becomes %s, want %s", version, got, want)
		}
	}
}
