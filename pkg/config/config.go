// Package config reads filter files. Load returns a Config with compiled filters,
// resolved projects and checked limits, which no other package validates again, or
// a report of all faults of the file.
//
// It is strict: a filter file that is almost right builds the wrong things. So
// anything unknown is refused, with its line and column and the line itself.
package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

const (
	// DefaultCommitRef is the Git reference of builds if the file has no
	// commitRef. It is Brigade 1.x's own default.
	DefaultCommitRef = "refs/heads/master"

	// MaxSize is the maximum size of a filter file in bytes: 1 MiB, the maximum of
	// a ConfigMap (MaxSecretSize in k8s.io/kubernetes/pkg/apis/core,
	// which ValidateConfigMap applies).
	MaxSize = 1 << 20
)

// Config is the content of a filter file.
type Config struct {
	// Project is the project that accepted Events build if their filter has none:
	// a name or an ID, or empty.
	Project string
	// CommitRef is the Git reference of builds if their filter has none.
	CommitRef string
	// Destinations are the destinations besides Brigade, in the order of the file.
	Destinations []Destination
	// Filters is the compiled filter list. All filters that accept have a
	// destination or a project, so a verdict never lacks both.
	Filters *filter.List
	// Limits are the file's limits, with defaults for those it does not set.
	Limits limit.Limits
	// Warnings are probable mistakes, in the order of the file.
	Warnings []Fault
	// Text is the file itself.
	Text string
}

// UsesBrigade reports whether any filter accepts for Brigade.
func (c *Config) UsesBrigade() bool {
	return slices.ContainsFunc(c.Filters.Rules(), func(r filter.Rule) bool { return r.Action == filter.Accept && r.Destination == "" })
}

// Observe returns the Config of a gateway without a filter file: it accepts
// nothing.
func Observe() *Config {
	return &Config{CommitRef: DefaultCommitRef, Limits: limit.DefaultLimits()}
}

// Load reads and checks the filter file at path. Its error is an *Error if the
// content has faults.
func Load(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse checks the content of a filter file, YAML or JSON. The name of the file is
// only used in reports. Its error is an *Error with all faults of the file.
func Parse(file string, data []byte) (*Config, error) {
	if len(data) > MaxSize {
		return nil, tooLarge(file, MaxSize, "a ConfigMap")
	}
	c, err := newSource(file, data).parse()
	if err != nil {
		return nil, err
	}
	c.Text = string(data)
	return c, nil
}

// parse checks a filter file.
func (s *source) parse() (*Config, error) {
	root, fault := s.document()
	if fault != nil {
		return nil, &Error{Faults: []Fault{*fault}}
	}
	if fault := s.misplaced(root); fault != nil {
		return nil, &Error{Faults: []Fault{*fault}}
	}
	return (&reader{source: s}).parse(root)
}

// parse checks the tree of a file.
func (r *reader) parse(root *yaml.Node) (*Config, error) {
	cfg := r.config(root)
	if len(r.faults) > 0 {
		for i, f := range r.faults {
			if strings.Contains(f.Source, "{{") {
				r.faults[i].Message = notRendered
			}
		}
		return nil, &Error{Faults: inOrder(r.faults)}
	}
	cfg.Warnings = inOrder(r.warnings)
	return cfg, nil
}

// tooLarge is the error of a file that is larger than allowed. It is not parsed, so
// there is no line to show.
func tooLarge(file string, most int, what string) *Error {
	return &Error{Faults: []Fault{{
		File: file, Line: 1, Column: 1,
		Message: fmt.Sprintf("the file has more than %d bytes, the maximum of %s", most, what),
	}}}
}
