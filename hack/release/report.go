package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checksums is the name of the file for sha256sum --check.
const checksums = "checksums.txt"

// published returns the files of a release page: all of the folder and its SBOMs,
// without the image's layout.
func published(folder string) ([]string, error) {
	var found []string
	for _, pattern := range []string{"*", "sbom/*"} {
		names, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				return nil, err
			}
			if !info.IsDir() && filepath.Base(name) != checksums {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

func writeChecksums(folder string) error {
	names, err := published(folder)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(content), filepath.ToSlash(relative))
	}
	return os.WriteFile(filepath.Join(folder, checksums), []byte(list.String()), 0o644)
}

// report prints all files and images, with sizes and digests.
func report(out io.Writer, o options, built *image) error {
	list, err := os.ReadFile(filepath.Join(o.out, checksums))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, commit %s, in %s\n\n", o.version, o.commit, o.out)
	for line := range strings.Lines(string(list)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		info, err := os.Stat(filepath.Join(o.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%10d  sha256:%s  %s\n", info.Size(), sum, name)
	}
	manifest, err := built.index.IndexManifest()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%10s  %s  image/ (%s:%s)\n", "", built.digest, imageName, o.version)
	for _, descriptor := range manifest.Manifests {
		image, err := built.index.Image(descriptor.Digest)
		if err != nil {
			return err
		}
		layers, err := image.Layers()
		if err != nil {
			return err
		}
		var size int64
		for _, layer := range layers {
			of, err := layer.Size()
			if err != nil {
				return err
			}
			size += of
		}
		fmt.Fprintf(out, "%10d  %s  %s\n", size, descriptor.Digest, descriptor.Platform)
	}
	if o.push == "" {
		fmt.Fprintln(out, "\nNothing was pushed.")
	}
	return nil
}
