package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// file is one file of an archive.
type file struct {
	name    string
	mode    int64
	content []byte
}

func linkerFlags(o options) string {
	return fmt.Sprintf("-s -w -X main.version=%s -X main.commit=%s", o.version, o.commit)
}

// buildArchives writes one archive for each platform, with its SBOM. Those of
// Linux hold the image's binaries.
func buildArchives(ctx context.Context, o options, built *image) error {
	var docs []file
	for _, doc := range []string{"LICENSE", "NOTICE", "README.md", "CHANGELOG.md"} {
		content, err := os.ReadFile(filepath.Join(o.source, doc))
		if err != nil {
			return err
		}
		docs = append(docs, file{doc, 0o644, content})
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			binary, ok := built.binaries[system+"/"+arch]
			if !ok {
				var err error
				if binary, err = buildBinary(ctx, o, system, arch); err != nil {
					return fmt.Errorf("%s/%s: %w", system, arch, err)
				}
			}
			base := filepath.Join(o.out, fmt.Sprintf("%s_%s_%s_%s", command, strings.TrimPrefix(o.version, "v"), system, arch))
			archive, write, program := base+".tar.gz", writeTar, command
			if system == "windows" {
				archive, write, program = base+".zip", writeZip, command+".exe"
			}
			if err := write(archive, o.time, append([]file{{program, 0o755, binary}}, docs...)); err != nil {
				return err
			}
			if err := writeSBOM(o, archive, binary); err != nil {
				return fmt.Errorf("the SBOM of %s: %w", filepath.Base(archive), err)
			}
		}
	}
	return nil
}

// buildBinary builds a binary for a system that ko does not build for.
func buildBinary(ctx context.Context, o options, system, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	output := filepath.Join(dir, command)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags="+linkerFlags(o), "-o", output, "./cmd/"+command)
	cmd.Dir = o.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	fmt.Fprintf(os.Stderr, "building for %s/%s\n", system, arch)
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}

func writeTar(path string, modified time.Time, files []file) error {
	var compressed bytes.Buffer
	zipped := gzip.NewWriter(&compressed)
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: modified, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.content); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := zipped.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, compressed.Bytes(), 0o644)
}

func writeZip(path string, modified time.Time, files []file) error {
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: modified}
		header.SetMode(os.FileMode(f.mode))
		w, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, bytes.NewReader(f.content)); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, content.Bytes(), 0o644)
}
