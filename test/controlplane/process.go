package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// poll is the interval in which readiness is checked.
	poll = 50 * time.Millisecond
	// grace is how long a child may take to end after SIGTERM.
	grace = 20 * time.Second
	// logTail is how much of a child's log an error quotes.
	logTail = 10
)

// Program is what Run starts.
type Program struct {
	// Name is unique, and the name of the log.
	Name string
	// Path is the binary to execute.
	Path string
	Args []string
	// Env has additional variables, KEY=value. The rest is the environment of
	// this process, without KUBECONFIG and with another HOME, so that no program
	// can reach another cluster.
	Env []string
	// Output gets its output too; nil for only the log.
	Output io.Writer
}

// Process is a running child of the control plane.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed
}

// Run starts a program, such as a gateway, which ends with the control plane at the
// latest. It does not wait.
func (cp *ControlPlane) Run(program Program) (*Process, error) {
	path, err := cp.guardian.guarded(program.Name, program.Path)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", program.Name, err)
	}
	log, err := cp.openLog(program.Name)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", program.Name, err)
	}
	p := &Process{name: program.Name, log: log.Name(), done: make(chan struct{})}
	p.cmd = exec.Command(path, program.Args...)
	p.cmd.Dir = cp.dir
	p.cmd.Env = append(append(os.Environ(), "KUBECONFIG=", "HOME="+cp.dir), program.Env...)
	p.cmd.Stdout = log
	if program.Output != nil {
		p.cmd.Stdout = io.MultiWriter(log, program.Output)
	}
	p.cmd.Stderr = p.cmd.Stdout
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", program.Name, err), log.Close())
	}
	go func() {
		defer close(p.done)
		p.err = errors.Join(p.cmd.Wait(), log.Close())
		cp.guardian.forget(program.Name)
	}()
	cp.children = append(cp.children, p)
	return p, nil
}

// start runs one of the control plane's own parts, which make builds.
func (cp *ControlPlane) start(name string, args ...string) (*Process, error) {
	path, err := Binary(name)
	if err != nil {
		return nil, err
	}
	return cp.Run(Program{Name: name, Path: path, Args: args})
}

// PID returns the ID of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err waits for the end of the process. It returns nil for exit status 0, and
// otherwise an error with the end of the log.
func (p *Process) Err() error {
	<-p.done
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w%s", p.name, p.err, tail(p.log))
}

// Signal sends a signal, unless the process has ended.
func (p *Process) Signal(signal os.Signal) error {
	err := p.cmd.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Kill kills the process, as kill -9 does, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Stop sends SIGTERM and waits. A process that does not end within the grace period
// is killed, which is an error.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.name, grace)
	}
}

// await calls ready until it returns no error, the process ends or ctx ends.
func (p *Process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.done:
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	if err := Until(ctx, ready); err != nil {
		return fmt.Errorf("waiting for %s: %w%s", p.name, err, tail(p.log))
	}
	return nil
}

// errEnded is the error of await if the process has ended.
var errEnded = errors.New("it has ended")

// Until calls ready until it returns no error. If ctx ends first, the error has the
// cause and the last error of ready.
func Until(ctx context.Context, ready func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		last = ready(ctx)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(context.Cause(ctx), last)
	}
	return nil
}

func (cp *ControlPlane) openLog(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(cp.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// tail returns the end of a log, for an error.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(lines) > logTail {
		lines = lines[len(lines)-logTail:]
	}
	return "\n  " + filepath.Base(path) + " ends:\n    " + strings.Join(lines, "\n    ")
}

// ownGroup starts a child in its own process group, so that Ctrl-C does not stop all
// children at once.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
