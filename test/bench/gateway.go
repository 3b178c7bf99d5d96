package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// project is the project of all builds.
const project = "deis/empty-testbed"

// The filter files. The first gateway reads the same filters as JSON.
const (
	filters = `project: ` + project + `
filters:
  - kind: Pod
    reasons: [` + accepted + `]
    action: accept
  - action: reject
`
	baselineFilters = `{"project": "` + project + `", "filters": [
  {"kind": "Pod", "reasons": ["` + accepted + `"], "action": "accept"},
  {"action": "reject"}
]}
`
	// limitsOff has limits that no row reaches.
	limitsOff = `limits: {buildsPerMinute: 1000000, burst: 1000000, queued: 1000000}
`
	// limitsOn is for a storm: a build a second, the rest by default.
	limitsOn = `limits: {buildsPerMinute: 60}
`
)

// patience limits every wait for something that is normally fast.
const patience = 2 * time.Minute

// launch says how to start a gateway.
type launch struct {
	// baseline starts the other gateway, without limits and args.
	baseline bool
	// watch and builds are the namespaces of Events and Secrets. The baseline
	// has only one for both.
	watch, builds string
	// receiver is the URL that accepted Events are sent to, or empty for Brigade.
	receiver string
	limits   string
	args     []string
	// env are environment variables, KEY=value.
	env []string
}

// start starts a gateway. It does not wait.
func (b *bench) start(l launch) (*gateway, error) {
	b.processes++
	name := fmt.Sprintf("gateway-%d", b.processes)
	program := controlplane.Program{Name: name, Path: b.binary, Env: l.env}
	file, content := name+".yaml", filters+l.limits
	if l.receiver != "" {
		content = "destinations:\n  - name: bench\n    cloudEvents: {url: " + l.receiver + "}\n" +
			strings.Replace(content, "action: accept", "action: accept\n    destination: bench", 1)
	}
	if l.baseline {
		file, content = name+".json", baselineFilters
	}
	path := filepath.Join(b.dir, file)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return nil, err
	}
	if l.baseline {
		program.Path = b.baseline
		program.Args = []string{"-kubeconfig", b.cp.Kubeconfig(), "-namespace", l.watch, "-config", path}
	} else {
		program.Args = append([]string{
			"--kubeconfig", b.kubeconfig, "--namespace", l.watch, "--build-namespace", l.builds, "--config", path, "--listen", "",
		}, l.args...)
	}
	messages := newLogWatch()
	program.Output = messages
	started := time.Now()
	process, err := b.cp.Run(program)
	if err != nil {
		return nil, err
	}
	return &gateway{process: process, started: started, messages: messages}, nil
}

// probeEvery is the interval of the Events that show whether a gateway builds.
const probeEvery = 200 * time.Millisecond

// with runs a gateway while use runs.
func (b *bench) with(l launch, use func(g *gateway) error) error {
	g, err := b.start(l)
	if err != nil {
		return err
	}
	return errors.Join(use(g), g.process.Stop())
}

// has reports whether our gateway has a flag.
func (b *bench) has(ctx context.Context, flag string) (bool, error) {
	help, err := exec.CommandContext(ctx, b.binary, "--help").Output()
	if err != nil {
		return false, fmt.Errorf("asking %s for its flags: %w", b.binary, err)
	}
	return bytes.Contains(help, []byte(" "+flag)), nil
}

// awaitWorking creates Events until one has a build, which shows for any gateway that
// it works.
func (b *bench) awaitWorking(ctx context.Context, g *gateway, watch string, seen *builds) error {
	b.probes++ // others may have probed in the same namespace
	probes := fmt.Sprintf("probe%d", b.probes)
	load := newLoad(b.admin, watch, probes)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if _, err := load.create(ctx, accepted); err != nil {
			return err
		}
		_, err := seen.await(ctx, probes, 1, probeEvery)
		var late *lateError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &late):
			return fmt.Errorf("waiting for the gateway's first build: %w", err)
		}
		select {
		case <-g.process.Done():
			return errors.Join(errGone, g.process.Err())
		default:
		}
	}
}
