package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// machine is the machine that the rows were measured on.
type machine struct {
	System string  `json:"system"`
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Memory float64 `json:"memoryGiB"`
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores of %s, %.0f GiB", m.System, m.Cores, m.CPU, m.Memory)
}

// versions are those of the measured programs and of the control plane.
type versions struct {
	Gateway    string `json:"gateway"`
	Baseline   string `json:"baseline,omitempty"`
	Go         string `json:"go"`
	Kubernetes string `json:"kubernetes"`
	Etcd       string `json:"etcd"`
}

func (v versions) String() string {
	s := fmt.Sprintf("gateway %s, Kubernetes %s, etcd %s, %s", v.Gateway, v.Kubernetes, v.Etcd, v.Go)
	if v.Baseline != "" {
		s += ", other gateway " + v.Baseline
	}
	return s
}

// describe records the machine and the versions.
func (b *bench) describe(ctx context.Context) error {
	b.results.Machine = thisMachine()
	v := versions{Go: runtime.Version()}
	if b.baseline != "" {
		v.Baseline = filepath.Base(b.baseline)
	}
	for program, version := range map[string]*string{"k8s-gateway": &v.Gateway, "kube-apiserver": &v.Kubernetes, "etcd": &v.Etcd} {
		path, err := controlplane.Binary(program)
		if err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			return fmt.Errorf("asking %s for its version: %w", path, err)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		fields := strings.Fields(line) // "Kubernetes v1.37.2", "etcd Version: 3.7.1"
		if len(fields) > 0 {
			*version = fields[len(fields)-1]
		}
	}
	b.results.Versions = v
	return nil
}

// thisMachine reads /proc. On other systems than Linux, fields stay empty.
func thisMachine() machine {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, CPU: "an unknown CPU", Cores: runtime.NumCPU()}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, found := strings.Cut(string(info), "model name"); found {
			line, _, _ := strings.Cut(after, "\n")
			m.CPU = strings.TrimSpace(strings.TrimLeft(line, "\t :"))
		}
	}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		_, after, _ := strings.Cut(string(info), "MemTotal:")
		if fields := strings.Fields(after); len(fields) > 0 {
			if kib, err := strconv.ParseFloat(fields[0], 64); err == nil {
				m.Memory = kib / (1 << 20)
			}
		}
	}
	return m
}
