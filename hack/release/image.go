package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"runtime/debug"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/ko/pkg/build"
	"github.com/google/ko/pkg/publish"
)

const (
	command   = "k8s-gateway"
	imageName = "brigade-k8s-gateway"
	module    = "github.com/brigadecore/brigade-k8s-gateway"
	source    = "https://github.com/brigadecore/brigade-k8s-gateway"
)

// image is the built image of all platforms.
type image struct {
	result   build.Result
	index    v1.ImageIndex
	digest   string
	binaries map[string][]byte // by platform, linux/amd64
}

func imagePlatforms() []v1.Platform {
	return []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
}

// buildImage builds the image with ko on an empty root, and writes it to <out>/image,
// an OCI layout, and its SBOMs to <out>/sbom.
func buildImage(ctx context.Context, o options) (*image, error) {
	base, err := scratch()
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: o.time}
	var platforms []string
	for _, p := range imagePlatforms() {
		platforms = append(platforms, p.String())
	}
	importPath := module + "/cmd/" + command
	sboms := filepath.Join(o.out, "sbom")
	builder, err := build.NewGo(ctx, o.source,
		build.WithBaseImages(func(context.Context, string) (name.Reference, build.Result, error) {
			reference, err := name.ParseReference("scratch")
			return reference, base, err
		}),
		build.WithPlatforms(platforms...),
		build.WithTrimpath(true),
		build.WithConfig(map[string]build.Config{importPath: {
			Flags:   build.FlagArray{"-buildvcs=false"},
			Ldflags: build.StringArray{linkerFlags(o)},
		}}),
		build.WithCreationTime(created),
		build.WithKoDataCreationTime(created),
		build.WithUser("65532:65532"),
		build.WithSPDX(koVersion()),
		build.WithSBOMDir(sboms),
		build.WithLabel("org.opencontainers.image.title", command),
		build.WithLabel("org.opencontainers.image.description", "Runs Brigade builds for Kubernetes Events"),
		build.WithLabel("org.opencontainers.image.source", source),
		build.WithLabel("org.opencontainers.image.documentation", source+"/blob/main/README.md"),
		build.WithLabel("org.opencontainers.image.licenses", "MIT"),
		build.WithLabel("org.opencontainers.image.version", o.version),
		build.WithLabel("org.opencontainers.image.revision", o.commit),
		build.WithJobs(1),
	)
	if err != nil {
		return nil, err
	}
	result, err := builder.Build(ctx, build.StrictScheme+importPath)
	if err != nil {
		return nil, err
	}
	index, ok := result.(v1.ImageIndex)
	if !ok {
		return nil, errors.New("ko did not build an index of platforms")
	}
	digest, err := result.Digest()
	if err != nil {
		return nil, err
	}
	if _, err := publish.NewLayout(filepath.Join(o.out, "image")).Publish(ctx, result, importPath); err != nil {
		return nil, err
	}
	built := &image{result: result, index: index, digest: digest.String(), binaries: map[string][]byte{}}
	if err := built.readBinaries(); err != nil {
		return nil, err
	}
	return built, nil
}

// koVersion returns the version of ko that is linked in.
func koVersion() string {
	info, _ := debug.ReadBuildInfo() // nil only in a binary without modules
	for _, module := range info.Deps {
		if module.Path == "github.com/google/ko" {
			return module.Version
		}
	}
	return ""
}

// scratch returns an image with nothing in it, for each platform.
func scratch() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range imagePlatforms() {
		base, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{
			OS: platform.OS, Architecture: platform.Architecture, RootFS: v1.RootFS{Type: "layers"},
		})
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: base, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	return index, nil
}

// readBinaries reads the binary from each platform's image, so that the archives have
// the same ones.
func (i *image) readBinaries() error {
	manifest, err := i.index.IndexManifest()
	if err != nil {
		return err
	}
	for _, descriptor := range manifest.Manifests {
		if descriptor.Platform == nil {
			continue
		}
		of, err := i.index.Image(descriptor.Digest)
		if err != nil {
			return err
		}
		binary, err := fileIn(of, command)
		if err != nil {
			return fmt.Errorf("%s: %w", descriptor.Platform, err)
		}
		i.binaries[descriptor.Platform.String()] = binary
	}
	if len(i.binaries) != len(imagePlatforms()) {
		return fmt.Errorf("the image has %d platforms, want %d", len(i.binaries), len(imagePlatforms()))
	}
	return nil
}

// fileIn returns the file with a base name in an image. Any other file is an error.
func fileIn(of v1.Image, base string) ([]byte, error) {
	content := mutate.Extract(of)
	defer func() { _ = content.Close() }()
	var found []byte
	for files := tar.NewReader(content); ; {
		header, err := files.Next()
		switch {
		case errors.Is(err, io.EOF) && found != nil:
			return found, nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("no file %s in the image", base)
		case err != nil:
			return nil, err
		case header.Typeflag == tar.TypeDir:
			continue
		case path.Base(header.Name) != base:
			return nil, fmt.Errorf("unexpected file %s in the image", header.Name)
		}
		if found, err = io.ReadAll(files); err != nil {
			return nil, err
		}
	}
}
