//go:build !linux

package integration

import "errors"

// becomeWithoutInotify fails, because only Linux has inotify.
func becomeWithoutInotify([]string) error { return errors.New("no inotify to be without") }
