package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

// stdinName is the name of standard input in reports.
const stdinName = "stdin"

// filterFile is the value of a --config that may be given once. pflag silently
// takes the last of several.
type filterFile struct {
	path string
	set  bool
}

func filterFileFromEnvironment() filterFile {
	return filterFile{path: os.Getenv("GATEWAY_CONFIG")}
}

func (f *filterFile) String() string { return f.path }

func (f *filterFile) Type() string { return "file" }

// Set implements pflag.Value. It fails the second time.
func (f *filterFile) Set(path string) error {
	if f.set {
		return fmt.Errorf("given twice, %s and %s; the gateway has one filter file", f.path, path)
	}
	f.path, f.set = path, true
	return nil
}

// readFilters reads the filters in the file at path, or in standard input for "-".
// They may be in Helm values or in a ConfigMap manifest. Its error is a
// *config.Error if the content has faults.
func readFilters(path string, stdin io.Reader) (*config.Config, config.Format, error) {
	if path == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, config.MaxManifest+1))
		if err != nil {
			return nil, config.FilterFile, fmt.Errorf("reading standard input: %w", err)
		}
		return config.Read(stdinName, data)
	}
	data, err := config.ReadFile(path, config.MaxManifest)
	if err != nil {
		return nil, config.FilterFile, fmt.Errorf("reading the filter file: %w", err)
	}
	return config.Read(path, data)
}

// loadFilters is readFilters for commands that cannot run without filters. It
// writes faults and warnings to stderr.
func loadFilters(path string, stdin io.Reader, stderr io.Writer) (*config.Config, error) {
	c, _, err := readFilters(path, stdin)
	if faults, ok := errors.AsType[*config.Error](err); ok {
		fmt.Fprintln(stderr, faults) // a report of several lines
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
