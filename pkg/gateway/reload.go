package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// settleTime is how long the file's folder must be quiet before the file is
// read again: an editor writes in several steps, and a kubelet swaps the
// symlink that a mounted ConfigMap's files hang on in one.
const settleTime = 250 * time.Millisecond

// errReload ends a pipeline so that the next one runs with a new filter list.
var errReload = errors.New("the filter file has changed")

// load reads the filter file, or returns the configuration of a gateway that
// only observes where there is none.
func load(path string) (*config.Config, []byte, error) {
	if path == "" {
		return &config.Config{CommitRef: config.DefaultCommitRef, Limits: limit.DefaultLimits()}, nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the filter file: %w", err)
	}
	c, err := config.Parse(path, content)
	return c, content, err
}

// followConfig reads the filter file again whenever it changes, until ctx
// ends. A good file replaces the running one; a bad one is reported and the
// last good one stays.
func (g *Gateway) followConfig(ctx context.Context) {
	if g.ConfigPath == "" {
		return
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		defer func() { _ = watcher.Close() }()
		// The folder and not the file: a file that is replaced takes its watch
		// with it.
		err = watcher.Add(filepath.Dir(g.ConfigPath))
	}
	if err != nil {
		g.Log.Warn("the filter file is not followed: changes take effect at the next start", "file", g.ConfigPath, "err", err)
		return
	}
	settled := time.NewTimer(0) // at once: it may have changed since it was loaded
	defer settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
			settled.Reset(settleTime)
		case err := <-watcher.Errors:
			g.Log.Warn("changes of the filter file may have been missed, reading it", "file", g.ConfigPath, "err", err)
			settled.Reset(settleTime)
		case <-settled.C:
			if g.reload(ctx) {
				settled.Reset(recheckAfter)
			}
		}
	}
}

// reload makes the filter file the running one if it has changed, or reports
// what is wrong with it. It returns whether to try again later.
func (g *Gateway) reload(ctx context.Context) (again bool) {
	next, content, err := load(g.ConfigPath)
	if content != nil && bytes.Equal(content, g.content) {
		return false
	}
	if err == nil && next.Limits.ActiveBuilds > 0 {
		if err = g.mayCountWorkers(ctx); err != nil && !isFinal(err) {
			g.Log.Warn("filter file has changed and cannot be taken into use yet, trying again", "file", g.ConfigPath, "err", err)
			return true
		}
	}
	if content != nil {
		g.content = content
	}
	if err != nil {
		g.metrics.refused()
		g.Log.Error("filter file refused, the last good one stays", "file", g.ConfigPath, "err", err)
		return false
	}
	g.metrics.loaded()
	g.logWarnings(next)
	g.Log.Info("filter file loaded, starting again from the position", "file", g.ConfigPath, "filters", next.Filters.Len())
	g.config.Store(next)
	select {
	case g.changed <- struct{}{}:
	default: // a change that is not taken up yet will find this one
	}
	return false
}
