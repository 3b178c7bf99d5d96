package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// poll is the pause between two looks at something that is not ready yet.
	poll = 50 * time.Millisecond
	// grace is how long a child may take to end after SIGTERM.
	grace = 20 * time.Second
	// logTail is how much of a child's log an error quotes.
	logTail = 10
)

// process is a child with a log file of its own.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// done is closed when the child has ended; err is how, and set before.
	done chan struct{}
	err  error
}

// start runs one of the control plane's own children (etcd and the API server
// are envtest's). Its environment is ours without KUBECONFIG: nothing that runs
// here may find its way into another cluster.
func (cp *ControlPlane) start(name string, args ...string) (*process, error) {
	binary, err := Binary(name)
	if err != nil {
		return nil, err
	}
	program, err := cp.guardian.guarded(binary)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	log, err := cp.openLog(name)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close() // the child has it open by itself

	p := &process{name: name, log: log.Name(), done: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Dir = cp.dir
	p.cmd.Env = append(os.Environ(), "KUBECONFIG=", "HOME="+cp.dir)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		cp.guardian.forget(name)
		close(p.done)
	}()
	cp.children = append(cp.children, p)
	return p, nil
}

// await asks ready until it has no error, and gives up when the child ends or
// ctx does.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.done:
			cancel(fmt.Errorf("it has ended: %w", orExited(p.err)))
		case <-ctx.Done():
		}
	}()
	if err := until(ctx, ready); err != nil {
		return fmt.Errorf("waiting for %s: %w%s", p.name, err, tail(p.log))
	}
	return nil
}

// stop asks the child to end, makes it after the grace period, and waits.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.name, grace)
	}
}

// until asks ready again and again until it has no error. When ctx ends first,
// the error tells why it did and what ready said last.
func until(ctx context.Context, ready func(context.Context) error) error {
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

// openLog opens the log file of the named child, to be written on from its end.
func (cp *ControlPlane) openLog(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(cp.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// tail returns the end of a log, to be put at the end of an error.
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

// ownGroup keeps signals of the terminal away from a child: it is stopped in
// order, not all at once by Ctrl-C.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

func orExited(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
