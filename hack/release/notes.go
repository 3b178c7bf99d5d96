package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// releaseNotes returns the section of the changelog about a version, or the
// Unreleased section for a commit that is not a release.
func releaseNotes(path, version string) (string, error) {
	changelog, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	heading := "Unreleased"
	if isRelease(version) {
		heading = strings.TrimPrefix(version, "v")
	}
	_, section, found := strings.Cut(string(changelog), "\n## "+heading)
	if !found {
		return "", fmt.Errorf("%s has no section %q: rename Unreleased to %s, followed by the date, before the tag is set", path, "## "+heading, heading)
	}
	_, section, _ = strings.Cut(section, "\n") // the date
	section, _, _ = strings.Cut(section, "\n## ")
	return strings.TrimSpace(section) + "\n", nil
}

func isRelease(version string) bool {
	return regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$`).MatchString(version) &&
		!regexp.MustCompile(`-\d+-g[0-9a-f]+`).MatchString(version) && !strings.HasSuffix(version, "-dirty")
}

// change is an entry of the changelog, with Artifact Hub's name for its kind.
type change struct{ kind, text string }

// changes returns the entries of release notes.
func changes(notes string) []change {
	kinds := map[string]string{"FEATURE": "added", "CHANGE": "changed", "BUGFIX": "fixed", "ENHANCEMENT": "changed", "SECURITY": "security"}
	var found []change
	for _, entry := range regexp.MustCompile(`(?m)^- `).Split(notes, -1) {
		match := regexp.MustCompile(`(?s)^\[([A-Z]+)\] (.*)$`).FindStringSubmatch(entry)
		if match == nil {
			continue
		}
		kind, known := kinds[match[1]]
		if !known {
			kind = "changed"
		}
		found = append(found, change{kind, strings.Join(strings.Fields(match[2]), " ")})
	}
	return found
}
