package config

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

func fileOf(project string) string {
	return "project: " + project + "\nfilters: [{kind: Pod, action: accept}]\n"
}

// user is a User that says what it is asked for, and answers in turn.
type user struct {
	calls   chan string
	mu      sync.Mutex
	answers []error
}

func (u *user) Apply(_ context.Context, c *Config) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls <- "apply " + c.Project
	if len(u.answers) == 0 {
		return nil
	}
	err := u.answers[0]
	u.answers = u.answers[1:]
	return err
}

func (u *user) Refuse(err error) {
	if err == nil {
		panic("refused without a cause")
	}
	u.calls <- "refuse"
}

// errFinal is one that stays until the file changes.
var errFinal = errors.New("a right is missing")

// following is a Follower at work.
type following struct {
	*testing.T
	*user
	path   string
	output *bytes.Buffer
}

// follow starts to follow a file, in a folder of its own, that holds project a/a.
func follow(t *testing.T, newWatcher func() (*fsnotify.Watcher, error), answers ...error) *following {
	t.Helper()
	f := &following{T: t, user: &user{calls: make(chan string, 100), answers: answers}, path: filepath.Join(t.TempDir(), "filters.yaml"), output: &bytes.Buffer{}}
	f.write(fileOf("a/a"))
	f.run(newWatcher)
	return f
}

func (f *following) run(newWatcher func() (*fsnotify.Watcher, error)) {
	f.Helper()
	follower, c, err := NewFollower(f.path, slog.New(slog.NewTextHandler(f.output, nil)), func(err error) bool { return errors.Is(err, errFinal) })
	if err != nil || c.Project != "a/a" {
		f.Fatalf("NewFollower = %v, %v", c, err)
	}
	follower.newWatcher = newWatcher
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		follower.Run(ctx, f.user)
	}()
	f.Cleanup(func() {
		cancel()
		<-ended
	})
}

// write replaces the file in one step.
func (f *following) write(content string) {
	f.Helper()
	next := f.path + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(content), 0o600), os.Rename(next, f.path)); err != nil {
		f.Fatal(err)
	}
}

// wants waits for just these calls.
func (f *following) wants(calls ...string) {
	f.Helper()
	for _, want := range calls {
		if got := <-f.calls; got != want {
			f.Errorf("asked to %s, want %s", got, want)
		}
	}
}

// quiet fails the test if there were further calls.
func (f *following) quiet() {
	f.Helper()
	select {
	case got := <-f.calls:
		f.Errorf("asked to %s, want nothing", got)
	default:
	}
}

func TestFollowerSeesAFileThatIsWritten(t *testing.T) {
	t.Parallel()
	f := follow(t, fsnotify.NewWatcher)
	f.write(fileOf("b/b"))
	f.wants("apply b/b")
	f.write("filters: 7\n")
	f.wants("refuse")
	f.write(fileOf("c/c"))
	f.wants("apply c/c")
	f.quiet()
}

// TestFollowerSeesAConfigMapThatIsUpdated does what a kubelet does with the
// files of a mounted ConfigMap: each is a symlink through ..data, a symlink to
// the folder of one version, which is replaced in one step.
func TestFollowerSeesAConfigMapThatIsUpdated(t *testing.T) {
	t.Parallel()
	f := &following{T: t, user: &user{calls: make(chan string, 100)}, output: &bytes.Buffer{}}
	folder := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	version := func(name, project string) {
		t.Helper()
		must(os.Mkdir(filepath.Join(folder, name), 0o700))
		must(os.WriteFile(filepath.Join(folder, name, "filters.yaml"), []byte(fileOf(project)), 0o600))
		must(os.Symlink(name, filepath.Join(folder, "..data_tmp")))
		must(os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
	}
	version("..2026_01", "a/a")
	f.path = filepath.Join(folder, "filters.yaml")
	must(os.Symlink(filepath.Join("..data", "filters.yaml"), f.path))
	f.run(fsnotify.NewWatcher)
	version("..2026_02", "b/b")
	must(os.RemoveAll(filepath.Join(folder, "..2026_01")))
	f.wants("apply b/b")
	version("..2026_03", "c/c")
	f.wants("apply c/c")
	f.quiet()
}

// noNotices is a system without inotify.
func noNotices() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }

// polling runs test, in a bubble, with a Follower that gets no notices.
func polling(t *testing.T, test func(f *following), answers ...error) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, noNotices, answers...)
		synctest.Wait()
		test(f)
	})
}

func TestFollowerReadsNowAndThenWithoutNotices(t *testing.T) {
	polling(t, func(f *following) {
		const want = `level=WARN msg="watching the filter file failed, polling it" file=`
		if !strings.Contains(f.output.String(), want) || !strings.Contains(f.output.String(), `every=15s err="too many open files"`) {
			f.Errorf("the log does not say %s:\n%s", want, f.output.String())
		}
		bubbletest.Pass(time.Hour)
		f.quiet() // nothing has changed
		f.write(fileOf("b/b"))
		bubbletest.Pass(pollEvery)
		f.wants("apply b/b")
		bubbletest.Pass(time.Hour)
		f.quiet()
	})
}

func TestFollowerKeepsTheLastGoodFile(t *testing.T) {
	polling(t, func(f *following) {
		f.write("filters: 7\n")
		bubbletest.Pass(time.Hour)
		f.wants("refuse")
		f.quiet() // a refused file is reported once
		if !strings.Contains(f.output.String(), `level=ERROR msg="filter file refused, keeping the last good one" file=`) {
			f.Errorf("the log does not say that the file was refused:\n%s", f.output.String())
		}
		f.write(fileOf("a/a"))
		bubbletest.Pass(pollEvery)
		f.wants("apply a/a") // the good one again, and the metric says so
		f.quiet()
	})
}

func TestFollowerPutsAFileThatWasGoneIntoForceAgain(t *testing.T) {
	polling(t, func(f *following) {
		if err := os.Remove(f.path); err != nil {
			f.Fatal(err)
		}
		bubbletest.Pass(pollEvery)
		f.wants("refuse")
		f.write(fileOf("a/a"))
		bubbletest.Pass(pollEvery)
		f.wants("apply a/a")
		f.quiet()
	})
}

func TestFollowerTriesAgainWhatCannotBePutIntoForceYet(t *testing.T) {
	polling(t, func(f *following) {
		f.write(fileOf("b/b"))
		bubbletest.Pass(time.Minute)
		f.wants("apply b/b", "apply b/b", "apply b/b")
		f.quiet()
		if !strings.Contains(f.output.String(), `level=WARN msg="applying the filter file failed, retrying"`) {
			f.Errorf("the log does not say that it is tried again:\n%s", f.output.String())
		}
	}, errors.New("no answer"), errors.New("no answer"))
}

func TestFollowerRefusesWhatCannotBePutIntoForceAtAll(t *testing.T) {
	polling(t, func(f *following) {
		f.write(fileOf("b/b"))
		bubbletest.Pass(time.Hour)
		f.wants("apply b/b", "refuse")
		f.quiet()
	}, errFinal)
}

func TestNewFollowerNeedsAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, _, err := NewFollower(path, slog.New(slog.DiscardHandler), nil)
	if want := "reading the filter file: open " + path + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("NewFollower = %v, want %s", err, want)
	}
}
