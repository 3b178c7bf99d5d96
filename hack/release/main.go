// Command release builds a release of the gateway from one commit, with the same
// bytes each time:
//
//   - an archive for each platform, with binary, LICENSE, NOTICE and README;
//   - an image for both Linux architectures, as an OCI layout, with the binaries of
//     those archives;
//   - an SPDX SBOM of each archive and image;
//   - the chart, which names the image by digest;
//   - release notes from CHANGELOG.md, and checksums of all files.
//
// It writes into one folder and pushes nothing unless --push names a registry.
// Signatures and provenance need the identity of a workflow and are made there
// (.github/workflows/release.yml).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// options are the flags.
type options struct {
	source  string // the repository
	version string // v1.2.3, or what git describe says
	commit  string
	time    time.Time // of the commit
	out     string
	push    string // a registry with its organization; empty for a dry run
	helm    string // the program that pushes the chart
}

func main() {
	var o options
	var epoch int64
	flag.StringVar(&o.source, "source", ".", "the repository's folder")
	flag.StringVar(&o.version, "version", "", "the version")
	flag.StringVar(&o.commit, "commit", "", "the commit")
	flag.Int64Var(&epoch, "epoch", 0, "the commit's time, in seconds")
	flag.StringVar(&o.out, "out", "dist", "where to build")
	flag.StringVar(&o.push, "push", "", "push image and chart to this registry, for example ghcr.io/brigadecore; empty pushes nothing")
	flag.StringVar(&o.helm, "helm", "helm", "the helm to push the chart with")
	flag.Parse()
	o.time = time.Unix(epoch, 0).UTC()
	if o.version == "" || o.commit == "" || epoch == 0 {
		fmt.Fprintln(os.Stderr, "release: --version, --commit and --epoch are needed; make release gives them")
		os.Exit(2)
	}
	if err := release(context.Background(), o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(ctx context.Context, o options, out io.Writer) error {
	notes, err := releaseNotes(filepath.Join(o.source, "CHANGELOG.md"), o.version)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(o.out); err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	image, err := buildImage(ctx, o)
	if err != nil {
		return fmt.Errorf("building the image: %w", err)
	}
	if err := buildArchives(ctx, o, image); err != nil {
		return fmt.Errorf("building the archives: %w", err)
	}
	if err := packageChart(o, image.digest, notes); err != nil {
		return fmt.Errorf("packaging the chart: %w", err)
	}
	if err := os.WriteFile(filepath.Join(o.out, "notes.md"), []byte(notes), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "image-digest.txt"), []byte(image.digest+"\n"), 0o644); err != nil {
		return err
	}
	if err := writeChecksums(o.out); err != nil {
		return err
	}
	if o.push != "" {
		if err := pushImage(ctx, o, image); err != nil {
			return fmt.Errorf("pushing the image: %w", err)
		}
		if err := pushChart(ctx, o); err != nil {
			return fmt.Errorf("pushing the chart: %w", err)
		}
	}
	return report(out, o, image)
}
