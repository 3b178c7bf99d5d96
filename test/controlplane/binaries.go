package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// assets is envtest's environment variable for the folder of a prebuilt etcd and
// kube-apiserver.
const assets = "KUBEBUILDER_ASSETS"

// Binary returns the path of a program that the control plane or its user
// starts. etcd and kube-apiserver are in the folder KUBEBUILDER_ASSETS if that is
// set, and all others in the repository's bin folder. The error says how to build a
// missing one.
func Binary(name string) (string, error) {
	if dir := os.Getenv(assets); dir != "" && (name == "etcd" || name == "kube-apiserver") {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s=%s has no %s: unset it, and make %s builds one from source: %w",
				assets, dir, name, filepath.Join("bin", name), err)
		}
		return path, nil
	}
	root, err := repository()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", name)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s is not built yet: run %q, or %q for all parts of the control plane",
				path, "make "+target(name), "make control-plane")
		}
		return "", err
	}
	return path, nil
}

// target is the make target that builds bin/name.
func target(name string) string {
	if name == "k8s-gateway" {
		return "build"
	}
	return "bin/" + name
}

// repository returns the root of the checkout of the working directory.
func repository() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "hack", "kubernetes", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a checkout of brigade-k8s-gateway: the control plane's programs are in its bin folder", wd)
		}
	}
}
