package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// document is an SPDX 2.3 document, with the fields that are used here.
type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creationInfo   `json:"creationInfo"`
	Packages          []spdxPackage  `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	SPDXID                string        `json:"SPDXID"`
	Name                  string        `json:"name"`
	VersionInfo           string        `json:"versionInfo,omitempty"`
	PackageFileName       string        `json:"packageFileName,omitempty"`
	PrimaryPackagePurpose string        `json:"primaryPackagePurpose,omitempty"`
	DownloadLocation      string        `json:"downloadLocation"`
	FilesAnalyzed         bool          `json:"filesAnalyzed"`
	LicenseConcluded      string        `json:"licenseConcluded"`
	LicenseDeclared       string        `json:"licenseDeclared"`
	CopyrightText         string        `json:"copyrightText"`
	Checksums             []checksum    `json:"checksums,omitempty"`
	ExternalRefs          []externalRef `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm     string `json:"algorithm"`
	ChecksumValue string `json:"checksumValue"`
}

type externalRef struct {
	ReferenceCategory string `json:"referenceCategory"`
	ReferenceType     string `json:"referenceType"`
	ReferenceLocator  string `json:"referenceLocator"`
}

type relationship struct {
	SPDXElementID      string `json:"spdxElementId"`
	RelationshipType   string `json:"relationshipType"`
	RelatedSPDXElement string `json:"relatedSpdxElement"`
}

const noAssertion = "NOASSERTION"

// writeSBOM writes the SBOM of an archive from the list of modules that the linker
// writes into the binary. ko does the same, for images only.
func writeSBOM(o options, archive string, binary []byte) error {
	content, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return fmt.Errorf("reading the modules of the binary: %w", err)
	}
	encoded, err := json.MarshalIndent(describe(o, filepath.Base(archive), sha256.Sum256(content), info), "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(o.out, "sbom", filepath.Base(archive)+".spdx.json")
	return os.WriteFile(name, append(encoded, '\n'), 0o644)
}

// describe returns the SBOM: the archive contains the gateway's module, which depends
// on the others and on the standard library.
func describe(o options, archive string, sum [sha256.Size]byte, info *debug.BuildInfo) document {
	const (
		archiveID = "SPDXRef-Archive"
		mainID    = "SPDXRef-Main"
	)
	digest := hex.EncodeToString(sum[:])
	doc := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
		Name: archive,
		// Unique for each archive, and the same for the same bytes.
		DocumentNamespace: source + "/releases/" + o.version + "/" + archive + "-" + digest,
		CreationInfo:      creationInfo{Created: o.time.Format("2006-01-02T15:04:05Z"), Creators: []string{"Tool: " + imageName + "-release"}},
	}
	whole := newPackage(archiveID, command, o.version)
	whole.PackageFileName, whole.PrimaryPackagePurpose = archive, "ARCHIVE"
	whole.LicenseDeclared = "MIT"
	whole.Checksums = []checksum{{"SHA256", digest}}
	own := newModule(mainID, info.Main.Path, o.version)
	own.LicenseDeclared = "MIT"
	doc.Packages = []spdxPackage{whole, own}
	doc.Relationships = []relationship{
		{doc.SPDXID, "DESCRIBES", archiveID},
		{archiveID, "CONTAINS", mainID},
	}
	depends := func(p spdxPackage) {
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, relationship{mainID, "DEPENDS_ON", p.SPDXID})
	}
	depends(newModule("SPDXRef-Stdlib", "stdlib", strings.TrimPrefix(info.GoVersion, "go")))
	for i, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		p := newModule(fmt.Sprintf("SPDXRef-Module-%d", i+1), module.Path, module.Version)
		if hash, found := strings.CutPrefix(module.Sum, "h1:"); found {
			if sum, err := base64.StdEncoding.DecodeString(hash); err == nil {
				p.Checksums = []checksum{{"SHA256", hex.EncodeToString(sum)}}
			}
		}
		depends(p)
	}
	return doc
}

func newPackage(id, name, version string) spdxPackage {
	return spdxPackage{
		SPDXID: id, Name: name, VersionInfo: version,
		DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, CopyrightText: noAssertion,
	}
}

// newModule returns the package of a Go module, with the package URL by which scanners
// find its vulnerabilities.
func newModule(id, path, version string) spdxPackage {
	p := newPackage(id, path, version)
	p.ExternalRefs = []externalRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + version}}
	return p
}
