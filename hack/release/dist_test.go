package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// hack/release-test.sh names the folder that `make release` wrote, and helm. Without
// them only what needs no build is tested.
var (
	dist = flag.String("dist", "", "the folder that make release wrote")
	helm = flag.String("helm", "helm", "the helm to push and render the chart with")
)

func built(t *testing.T) string {
	t.Helper()
	if *dist == "" {
		t.Skip("no -dist: make release-test builds one")
	}
	return *dist
}

// archives returns the archives by platform.
func archives(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, end := range []string{".tar.gz", ".zip"} {
		names, err := filepath.Glob(filepath.Join(folder, command+"_*"+end))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			parts := strings.Split(strings.TrimSuffix(filepath.Base(name), end), "_")
			found[strings.Join(parts[len(parts)-2:], "/")] = name
		}
	}
	return found
}

// contents returns the files of an archive.
func contents(t *testing.T, path string) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	if strings.HasSuffix(path, ".zip") {
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if files[f.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		return files
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

// Each archive has a program of its platform and the documents, and an SBOM
// that names the archive's digest and each module in the program.
func TestArchives(t *testing.T) {
	folder := built(t)
	found := archives(t, folder)
	want := []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Fatalf("archives for %v, want %v", got, want)
	}
	for platform, archive := range found {
		t.Run(platform, func(t *testing.T) {
			program := command
			if strings.HasPrefix(platform, "windows/") {
				program += ".exe"
			}
			files := contents(t, archive)
			if got, want := slices.Sorted(maps.Keys(files)), []string{"CHANGELOG.md", "LICENSE", "NOTICE", "README.md", program}; !slices.Equal(got, want) {
				t.Fatalf("holds %v, want %v", got, want)
			}
			info, err := buildinfo.Read(bytes.NewReader(files[program]))
			if err != nil {
				t.Fatal(err)
			}
			settings := map[string]string{}
			for _, s := range info.Settings {
				settings[s.Key] = s.Value
			}
			if got := settings["GOOS"] + "/" + settings["GOARCH"]; got != platform || settings["CGO_ENABLED"] != "0" {
				t.Errorf("the program is for %s, cgo %s", got, settings["CGO_ENABLED"])
			}

			var sbom document
			data, err := os.ReadFile(filepath.Join(folder, "sbom", filepath.Base(archive)+".spdx.json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &sbom); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(content)
			if got := sbom.Packages[0].Checksums; len(got) != 1 || got[0].ChecksumValue != hex.EncodeToString(sum[:]) {
				t.Errorf("the SBOM is of an archive with checksums %v, want %x", got, sum)
			}
			// The archive, the gateway, the standard library.
			if got, want := len(sbom.Packages), 3+len(info.Deps); got != want {
				t.Errorf("the SBOM has %d packages, want %d", got, want)
			}
			ids := map[string]bool{sbom.SPDXID: true}
			for _, p := range sbom.Packages {
				if ids[p.SPDXID] {
					t.Errorf("the SBOM has two of %s", p.SPDXID)
				}
				ids[p.SPDXID] = true
			}
			for _, r := range sbom.Relationships {
				if !ids[r.SPDXElementID] || !ids[r.RelatedSPDXElement] {
					t.Errorf("the SBOM relates unknown elements: %+v", r)
				}
			}
		})
	}
}

// layoutImage returns the one image of the layout, and its digest.
func layoutImage(t *testing.T, folder string) (v1.ImageIndex, string) {
	t.Helper()
	path, err := layout.FromPath(filepath.Join(folder, "image"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := root.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, "image-digest.txt"))
	if err != nil {
		t.Fatal(err)
	}
	digest := strings.TrimSpace(string(content))
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Digest.String() != digest {
		t.Fatalf("the layout has %+v, want the one image %s", manifest.Manifests, digest)
	}
	index, err := root.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index, digest
}

// The layout has an image for each platform of Linux, with nothing in it but the
// program of the archive.
func TestImage(t *testing.T) {
	folder := built(t)
	index, _ := layoutImage(t, folder)
	images, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, descriptor := range images.Manifests {
		platform := descriptor.Platform.String()
		platforms = append(platforms, platform)
		t.Run(platform, func(t *testing.T) {
			of, err := index.Image(descriptor.Digest)
			if err != nil {
				t.Fatal(err)
			}
			program := contents(t, archives(t, folder)[platform])[command]
			inspect(t, of, descriptor.Platform, program)
		})
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("images for %v, want %v", platforms, want)
	}
}

func inspect(t *testing.T, of v1.Image, platform *v1.Platform, program []byte) {
	t.Helper()
	file, err := of.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if file.OS != platform.OS || file.Architecture != platform.Architecture {
		t.Errorf("the configuration says %s/%s", file.OS, file.Architecture)
	}
	if file.Config.User != "65532:65532" {
		t.Errorf("runs as %q", file.Config.User)
	}
	if want := []string{"/ko-app/" + command}; !slices.Equal(file.Config.Entrypoint, want) {
		t.Errorf("the entry point is %v, want %v", file.Config.Entrypoint, want)
	}
	// kubectl exec finds the program by its name.
	if !slices.ContainsFunc(file.Config.Env, func(v string) bool {
		return strings.HasPrefix(v, "PATH=") && strings.HasSuffix(v, "/ko-app")
	}) {
		t.Errorf("the program is not in PATH: %v", file.Config.Env)
	}
	for _, label := range []string{"title", "description", "source", "documentation", "licenses", "version", "revision"} {
		if file.Config.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("no label %s: %v", label, file.Config.Labels)
		}
	}
	inside, err := fileIn(of, command)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(inside, program) {
		t.Error("its program is not that of the archive")
	}
	content := mutate.Extract(of)
	defer func() { _ = content.Close() }()
	for files := tar.NewReader(content); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg && header.Mode&0o555 != 0o555 {
			t.Errorf("%s has mode %o: the image's user cannot run it", header.Name, header.Mode)
		}
	}
}

// Image and chart are pushed to a registry, and installed from there: the chart that
// Helm pulls names the pushed image by its digest.
func TestPush(t *testing.T) {
	folder := built(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	o := options{out: t.TempDir(), push: strings.TrimPrefix(server.URL, "http://") + "/brigadecore", helm: *helm}
	packages, err := filepath.Glob(filepath.Join(folder, imageName+"-*.tgz"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("charts %v, want one: %v", packages, err)
	}
	version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(packages[0]), imageName+"-"), ".tgz")
	o.version = strings.TrimPrefix(version, "0.0.0-g")
	if o.version == version {
		o.version = "v" + version
	}
	content, err := os.ReadFile(packages[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.out, filepath.Base(packages[0])), content, 0o600); err != nil {
		t.Fatal(err)
	}

	index, digest := layoutImage(t, folder)
	if err := pushImage(t.Context(), o, &image{result: index}); err != nil {
		t.Fatal(err)
	}
	if err := pushChart(t.Context(), o, "--plain-http"); err != nil {
		t.Fatal(err)
	}

	reference, err := name.ParseReference(o.push + "/" + imageName + ":" + o.version)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := remote.Index(reference)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pushed.Digest(); err != nil || got.String() != digest {
		t.Errorf("the registry has the image %s (%v), want %s", got, err, digest)
	}
	signed, err := os.ReadFile(filepath.Join(o.out, chartDigest))
	if err != nil {
		t.Fatal(err)
	}
	chart := "oci://" + o.push + "/charts/" + imageName + "@" + strings.TrimSpace(string(signed))
	rendered, err := exec.CommandContext(t.Context(), *helm, "template", "events", chart, "--plain-http", "--set", "project=p").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, rendered)
	}
	if want := "image: \"ghcr.io/brigadecore/" + imageName + ":" + o.version + "@" + digest + "\""; !strings.Contains(string(rendered), want) {
		t.Errorf("the chart from the registry renders no %s", want)
	}
}
