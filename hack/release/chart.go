package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// packageChart writes the chart as `helm package` does, with this release's
// version and image. Helm itself writes the current time into the package, which
// would then differ in each build.
func packageChart(o options, digest, notes string) error {
	folder := filepath.Join(o.source, "charts", imageName)
	version := chartVersion(o.version)
	var files []file
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if relative == "ci" { // as .helmignore says
				return fs.SkipDir
			}
			return nil
		}
		if relative == ".helmignore" {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if relative == "Chart.yaml" {
			if content, err = releaseMetadata(content, o, version, digest, notes); err != nil {
				return err
			}
		}
		files = append(files, file{path.Join(imageName, filepath.ToSlash(relative)), 0o644, content})
		return nil
	})
	if err != nil {
		return err
	}
	return writeTar(filepath.Join(o.out, imageName+"-"+version+".tgz"), o.time, files)
}

// chartVersion returns the chart's version: a semantic version without v. A commit
// that has no tag gets one that sorts before all releases.
func chartVersion(version string) string {
	v := strings.TrimPrefix(version, "v")
	if regexp.MustCompile(`^\d+\.\d+\.\d+`).MatchString(v) {
		return v
	}
	return "0.0.0-g" + regexp.MustCompile(`[^0-9A-Za-z-]+`).ReplaceAllString(v, "-")
}

// releaseMetadata returns Chart.yaml with version, image and Artifact Hub's
// annotations.
func releaseMetadata(content []byte, o options, version, digest, notes string) ([]byte, error) {
	text := string(content)
	for key, value := range map[string]string{"version": version, "appVersion": o.version} {
		line := regexp.MustCompile(`(?m)^` + key + `: .*$`)
		if len(line.FindAllString(text, -1)) != 1 {
			return nil, fmt.Errorf("want one line %s in Chart.yaml", key)
		}
		text = line.ReplaceAllLiteralString(text, fmt.Sprintf("%s: %q", key, value))
	}
	if !strings.Contains(text, "\nannotations:\n") {
		return nil, errors.New("no annotations in Chart.yaml")
	}
	var added strings.Builder
	fmt.Fprintf(&added, "\nannotations:\n  brigade.sh/image-digest: %s\n", digest)
	fmt.Fprintf(&added, "  artifacthub.io/images: |\n    - name: %s\n      image: ghcr.io/brigadecore/%s:%s@%s\n      platforms: [linux/amd64, linux/arm64]\n",
		command, imageName, o.version, digest)
	fmt.Fprintf(&added, "  artifacthub.io/prerelease: %q\n", fmt.Sprint(strings.Contains(version, "-")))
	added.WriteString("  artifacthub.io/changes: |\n")
	for _, change := range changes(notes) {
		fmt.Fprintf(&added, "    - kind: %s\n      description: %q\n", change.kind, change.text)
	}
	return []byte(strings.Replace(text, "\nannotations:\n", added.String(), 1)), nil
}
