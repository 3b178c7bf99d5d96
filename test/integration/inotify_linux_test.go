package integration

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// becomeWithoutInotify executes a program in this process. Its inotify_init1 fails as
// if all of the user's instances were in use. A seccomp filter does that for this
// process only.
func becomeWithoutInotify(command []string) error {
	runtime.LockOSThread() // the filter belongs to the thread, and exec keeps it
	const number = 0       // offset of the system call's number in seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_INOTIFY_INIT1, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EMFILE)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("filtering system calls: %w", err)
	}
	return fmt.Errorf("becoming %s: %w", command[0], syscall.Exec(command[0], command, os.Environ()))
}

// TestTheFilterFileIsFollowedWithoutInotify runs a gateway that gets no inotify
// events.
func TestTheFilterFileIsFollowedWithoutInotify(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, "no-inotify")
	file := newMount(t, acceptPods)
	gateway := daemon.StartUnder(t, self, []string{withoutInotify + "=1"},
		append(p.flagsOf(file.file()), "--listen", "127.0.0.1:0")...)
	gateway.Ready()
	gateway.Wait("that it gets no notice of changes", func(r daemon.Record) bool {
		return r.String("level") == "WARN" && strings.Contains(r.String("err"), unix.EMFILE.Error())
	})
	file.swap(strings.Replace(acceptPods, "kind: Pod", "kind: Job", 1))
	gateway.AwaitMetric(2, "config_generation")
	file.swap(strings.Replace(acceptPods, "kind: Pod", "kind: Jbo\n    acton: accept", 1))
	gateway.AwaitMetric(0, "config_last_reload_successful")
}
