package controlplane

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// guardian is a process that outlives this one. When this process ends in any way (a
// panic, a test's timeout, kill -9), the guardian reads the end of its standard
// input, kills the child processes and removes the folder. A parent death signal
// does less: it leaves the folder, exists only on Linux, and depends on the thread
// that started the child, which Go may end at any time.
type guardian struct {
	dir   string // holds one NAME.pid for each child
	cmd   *exec.Cmd
	alive io.Closer
}

// watch waits for the end of its input. It is in another process group, so Ctrl-C in
// a terminal does not reach it.
const watch = `
trap '' INT TERM HUP
read -r _
for pid in "$1"/*.pid; do
	[ -s "$pid" ] && kill -KILL "$(cat "$pid")" 2>/dev/null
done
rm -rf "$2"
`

// newGuardian starts a guardian that keeps its files in a folder inside dir, and
// removes dir.
func newGuardian(dir string) (*guardian, error) {
	pids := filepath.Join(dir, "run")
	if err := os.Mkdir(pids, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", watch, "guardian", pids, dir)
	cmd.SysProcAttr = ownGroup()
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guardian of %s: %w", dir, err)
	}
	return &guardian{dir: pids, cmd: cmd, alive: alive}, nil
}

// guarded returns a program that writes its process ID for the guardian and then
// executes the binary, so that the guardian knows every process that runs.
func (g *guardian) guarded(name, binary string) (string, error) {
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%s && exec %s \"$@\"\n", quote(g.pidFile(name)), quote(binary))
	path := filepath.Join(g.dir, name)

	// A fork between open and close would leave the file open for writing in
	// the child for a moment, and Linux executes no such file.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return path, os.WriteFile(path, []byte(script), 0o700)
}

// pid returns the process ID of a child, 0 if there is none.
func (g *guardian) pid(name string) int {
	data, err := os.ReadFile(g.pidFile(name))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}

// forget drops a child that has ended, because its process ID may be used again.
func (g *guardian) forget(name string) {
	_ = os.Remove(g.pidFile(name))
}

// kill kills the named children.
func (g *guardian) kill(names ...string) {
	for _, name := range names {
		if pid := g.pid(name); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// release kills the remaining children, removes the folder and ends the guardian.
func (g *guardian) release() error {
	return errors.Join(g.alive.Close(), g.cmd.Wait())
}

func (g *guardian) pidFile(name string) string {
	return filepath.Join(g.dir, name+".pid")
}

// quote quotes s as one word for the shell.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
