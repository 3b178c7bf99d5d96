package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

// stdinName is what reports call the standard input.
const stdinName = "stdin"

// filterFile is the value of --config where it may be given once. pflag itself
// takes the last of several without a word.
type filterFile struct {
	path string
	set  bool
}

// filterFileFromEnvironment returns the value that $GATEWAY_CONFIG gives.
func filterFileFromEnvironment() filterFile {
	return filterFile{path: os.Getenv("GATEWAY_CONFIG")}
}

// String returns the path.
func (f *filterFile) String() string { return f.path }

// Type returns what help calls the value.
func (f *filterFile) Type() string { return "file" }

// Set takes the path, once.
func (f *filterFile) Set(path string) error {
	if f.set {
		return fmt.Errorf("given twice, %s and %s; the gateway has one filter file", f.path, path)
	}
	f.path, f.set = path, true
	return nil
}

// readFilters reads the file at path, or the standard input for "-", as the
// tools beside the gateway do. Its error is a *config.Error where the content
// is wrong.
func readFilters(path string, stdin io.Reader) (*config.Config, config.Format, error) {
	if path == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, config.MaxManifest+1))
		if err != nil {
			return nil, config.FilterFile, fmt.Errorf("reading standard input: %w", err)
		}
		return config.Read(stdinName, data)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, config.FilterFile, fmt.Errorf("reading the filter file: %w", err)
	}
	return config.Read(path, data)
}

// loadFilters reads a filter file for a command that needs one to go on. It
// writes faults and warnings to stderr.
func loadFilters(path string, stdin io.Reader, stderr io.Writer) (*config.Config, error) {
	c, _, err := readFilters(path, stdin)
	if faults, ok := errors.AsType[*config.Error](err); ok {
		fmt.Fprintln(stderr, faults) // a report of several lines, for people
		return nil, errReported
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range c.Warnings {
		fmt.Fprintln(stderr, warning)
	}
	return c, nil
}
