package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

const (
	projectName    = "deis/empty-testbed" // the project of examples/filters.yaml
	buildNamespace = "brigade"
	gatewayAccount = "brigade-k8s-gateway"

	// listEvery is the interval of brig build list.
	listEvery = 20 * time.Second
	// listed is the number of builds that it shows.
	listed = 8
	// settleTime is how long the workers of the last Events may take to start.
	settleTime = 30 * time.Second
)

// errInterrupted is the error of a demo that was interrupted before it began.
var errInterrupted = errors.New("interrupted")

// demo is one run of the demo.
type demo struct {
	config   string
	duration time.Duration
	// record is the file to which Events are recorded, instead of a demo.
	record string
	screen *screen

	cp     *controlplane.ControlPlane
	client kubernetes.Interface
}

// run starts everything, runs the demo, checks the result if a duration is set, and
// removes everything.
func (d *demo) run(ctx context.Context) (err error) {
	config, err := filepath.Abs(d.config)
	if err != nil {
		return err
	}
	options := controlplane.Everything()
	options.BrigadeNamespace = buildNamespace
	options.Progress = d.screen
	if d.cp, err = controlplane.Start(ctx, options); err != nil {
		return unlessInterrupted(ctx, err)
	}
	defer func() {
		d.screen.printf("cleaning up")
		err = errors.Join(err, d.cp.Stop())
	}()
	d.client = d.cp.Client()

	d.screen.printf("creating Brigade project %s", projectName)
	if _, err := d.cp.CreateProject(ctx, buildNamespace, projectName); err != nil {
		return unlessInterrupted(ctx, err)
	}
	d.screen.printf("starting the gateway with %s", d.config)
	gateway, err := d.startGateway(ctx, config)
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	if d.record != "" {
		return unlessInterrupted(ctx, d.recordEvents(ctx))
	}
	return d.play(ctx, gateway)
}

// play creates the workload and shows what happens until ctx or the duration ends.
func (d *demo) play(ctx context.Context, gateway *controlplane.Process) error {
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	d.showWorkers(watching)
	d.invite()

	workload := make(chan error, 1)
	go func() { workload <- d.createWorkload(watching) }()

	var end <-chan time.Time
	if d.duration > 0 {
		end = time.After(d.duration)
	}
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-workload:
			if err != nil {
				return unlessInterrupted(ctx, err)
			}
			workload = nil
		case <-gateway.Done():
			return fmt.Errorf("the gateway has ended by itself: %w", errors.Join(gateway.Err(), errGone))
		case <-tick.C:
			d.showBuilds(ctx, listed)
		case <-end:
			return d.verdict(ctx)
		case <-ctx.Done():
			return d.farewell(ctx)
		}
	}
}

// errGone is the error of a gateway that ended without being stopped.
var errGone = errors.New("nobody has stopped it")

// verdict waits for the workers of the last Events, and reports the result.
func (d *demo) verdict(ctx context.Context) error {
	settling, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	var account account
	err := controlplane.Until(settling, func(ctx context.Context) error {
		var err error
		if account, err = d.takeAccount(ctx); err != nil {
			return err
		}
		return account.fault()
	})
	if ctx.Err() != nil {
		return errInterrupted
	}
	d.showBuilds(ctx, 0)
	d.screen.sum(account)
	if fault := account.fault(); fault != nil {
		return fault
	}
	return err
}

// farewell prints the counts after Ctrl-C, without a verdict.
func (d *demo) farewell(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	account, err := d.takeAccount(ctx)
	if err != nil {
		return err
	}
	d.screen.sum(account)
	return nil
}

// showBuilds shows the newest builds, or all, as brig lists them.
func (d *demo) showBuilds(ctx context.Context, count int) {
	brig, err := controlplane.Binary("brig")
	if err != nil {
		d.screen.printf("%v", err)
		return
	}
	list := exec.CommandContext(ctx, brig, "build", "list", "--kubeconfig", d.cp.Kubeconfig(),
		"--namespace", buildNamespace, "--count", fmt.Sprint(count))
	output, err := list.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		d.screen.printf("brig build list: %v: %s", err, output)
		return
	}
	d.screen.block("brig build list", output)
}

// invite prints commands that the user can try.
func (d *demo) invite() {
	kubectl, err := controlplane.Binary("kubectl")
	if err != nil {
		kubectl = "kubectl"
	}
	d.screen.block("from another terminal", fmt.Appendf(nil, `export KUBECONFIG=%s
%s get events --all-namespaces --watch
%s --namespace pequod create deployment ishmael --image=any
`, d.cp.Kubeconfig(), kubectl, kubectl))
	d.screen.printf("logs of all parts: %s", d.cp.Logs())
	if d.duration == 0 {
		d.screen.printf("Ctrl-C ends the demo and removes all of this")
	}
}

func unlessInterrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
