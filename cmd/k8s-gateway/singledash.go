package main

import (
	"fmt"
	"regexp"
)

// singleDash adds a hint to the error about an unknown flag for users of the first
// gateway, whose flags had one dash. Here one dash begins one-letter flags.
func singleDash(err error) error {
	match := regexp.MustCompile(`^unknown shorthand flag: '.' in -([a-z][a-z-]+)`).FindStringSubmatch(err.Error())
	if match == nil {
		return err
	}
	return fmt.Errorf("%w: flags have two dashes, write --%s", err, match[1])
}
