package main

import (
	"fmt"
	"regexp"
)

// singleDash adds to the error about an unknown flag what the first gateway's
// users meant: its flags had one dash, which here begins one-letter flags.
func singleDash(err error) error {
	match := regexp.MustCompile(`^unknown shorthand flag: '.' in -([a-z][a-z-]+)`).FindStringSubmatch(err.Error())
	if match == nil {
		return err
	}
	return fmt.Errorf("%w: flags have two dashes, write --%s", err, match[1])
}
