//go:build !linux

package integration

import "errors"

// becomeWithoutInotify is for Linux, which alone has inotify.
func becomeWithoutInotify([]string) error { return errors.New("no inotify to be without") }
