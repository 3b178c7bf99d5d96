package config

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is how long the file's folder must not change before the file is
	// read again, because an editor writes in several steps. (A kubelet replaces
	// the symlink of a mounted ConfigMap in one.)
	settleTime = 250 * time.Millisecond
	// pollEvery is the interval in which the file is read if the system does not
	// notify of changes, or a notification was missed.
	pollEvery = 15 * time.Second
	// againAfter is the time until a file that could not be applied is tried
	// again.
	againAfter = 10 * time.Second
)

// User uses a filter file.
type User interface {
	// Apply makes c the filter file in use. Its error says why it is not.
	Apply(ctx context.Context, c *Config) error
	// Refuse reports that a file was refused, and why.
	Refuse(err error)
}

// Follower reads a filter file again whenever it changes. A valid file replaces the
// one in use. An invalid one is reported, and the last valid one stays in use.
type Follower struct {
	path string
	log  *slog.Logger
	// content is the file that was last applied or refused, or nil if it could not
	// be read.
	content []byte
	// isFinal reports whether an error of User.Apply will not go away until the file
	// changes.
	isFinal func(error) bool
	// newWatcher asks the system to notify of changes.
	newWatcher func() (*fsnotify.Watcher, error)
}

// NewFollower returns a Follower of the file at path, and the file's current
// Config. Its error is that of Load.
func NewFollower(path string, log *slog.Logger, isFinal func(error) bool) (*Follower, *Config, error) {
	f := &Follower{path: path, log: log, isFinal: isFinal, newWatcher: fsnotify.NewWatcher}
	content, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	f.content = content
	c, err := Parse(path, content)
	return f, c, err
}

// Run follows the file until ctx ends.
func (f *Follower) Run(ctx context.Context, user User) {
	changes, errs, stop := f.notices()
	defer stop()
	settled := time.NewTimer(0) // at once: it may have changed since it was loaded
	defer settled.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		look := false
		select {
		case <-ctx.Done():
			return
		case <-changes:
			settled.Reset(settleTime)
		case err := <-errs:
			f.log.Warn("watching the filter file failed, reading it", "file", f.path, "err", err)
			settled.Reset(settleTime)
		case <-settled.C:
			look = true
		case <-poll.C:
			look = true
		}
		if look && f.reload(ctx, user) {
			settled.Reset(againAfter)
		}
	}
}

// notices returns the system's notifications of changes in the file's folder. It
// watches the folder, because a watch on a file ends when the file is replaced.
// Both channels are nil if the system has no notifications.
func (f *Follower) notices() (changes <-chan fsnotify.Event, errs <-chan error, stop func()) {
	watcher, err := f.newWatcher()
	if err == nil {
		if err = watcher.Add(filepath.Dir(f.path)); err == nil {
			return watcher.Events, watcher.Errors, func() { _ = watcher.Close() }
		}
		_ = watcher.Close()
	}
	f.log.Warn("watching the filter file failed, polling it", "file", f.path, "every", pollEvery.String(), "err", err)
	return nil, nil, func() {}
}

// reload applies the filter file if it has changed, or reports its faults. It
// returns whether to try again later.
func (f *Follower) reload(ctx context.Context, user User) (again bool) {
	content, err := read(f.path)
	if err == nil && f.content != nil && bytes.Equal(content, f.content) {
		return false
	}
	var next *Config
	if err == nil {
		next, err = Parse(f.path, content)
	}
	if err == nil {
		if err = user.Apply(ctx, next); err != nil && !f.isFinal(err) {
			f.log.Warn("applying the filter file failed, retrying", "file", f.path, "err", err)
			return true
		}
	}
	f.content = content // nil of a file that cannot be read, so that it is applied once it can be
	if err != nil {
		user.Refuse(err)
		f.log.Error("filter file refused, keeping the last good one", "file", f.path, "err", err)
	}
	return false
}
