package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

const checkLong = `Reads filter files as the gateway would, and reports every fault with file, line,
column, path and the line itself.

A file is a filter file, a file of values for the chart, or a manifest of the
ConfigMap that holds the filter file, alone or among other objects as
"helm template" prints them. Line and column are those in the file itself.

Exits 0 and prints the number of filters if the gateway would accept all files,
and 1 if it would refuse one. Warnings report probable mistakes; they change the
exit code only with --strict.`

const checkExample = `  k8s-gateway check filters.yaml

  # In CI: warnings fail too
  k8s-gateway check --strict teams/*/filters.yaml

  # What an upgrade would install
  helm template charts/brigade-k8s-gateway -f values.yaml | k8s-gateway check -`

type checkFlags struct {
	config filterFile
	strict bool
	output string
}

func newCheckCommand() *cobra.Command {
	f := &checkFlags{config: filterFileFromEnvironment()}
	cmd := &cobra.Command{
		Use:     "check [--config FILE] [FILE... | -]",
		Short:   "Checks filter files and reports every fault in them",
		Long:    checkLong,
		Example: checkExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.check(args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().Var(&f.config, "config", "a filter `file` to check ($GATEWAY_CONFIG if no file is named)")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "fail on warnings too")
	cmd.Flags().StringVarP(&f.output, "output", "o", formatText, "the `format`: text, or json for one object with all files")
	cmd.Flags().SortFlags = false
	return cmd
}

// The output formats of check and version.
const (
	formatText = "text"
	formatJSON = "json"
)

// checkedFile is the result of checking one file. Its JSON is what -o json prints.
type checkedFile struct {
	File     string        `json:"file"`
	Format   config.Format `json:"format"`
	OK       bool          `json:"ok"`
	Filters  int           `json:"filters"`
	Faults   []jsonFault   `json:"faults"`
	Warnings []jsonFault   `json:"warnings"`

	err    error
	config *config.Config
}

// jsonFault is a fault or a warning.
type jsonFault struct {
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Source  string `json:"source,omitempty"`
}

// check writes faults and warnings to stderr, and a line for each valid file to
// stdout.
func (f *checkFlags) check(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if f.output != formatText && f.output != formatJSON {
		return fmt.Errorf("--output: unknown format %q; allowed are text and json", f.output)
	}
	paths := args
	if f.config.set || len(args) == 0 && f.config.path != "" {
		paths = append([]string{f.config.path}, args...)
	}
	if len(paths) == 0 {
		return errors.New("check needs a filter file: name one, or - for standard input")
	}
	files := make([]checkedFile, len(paths))
	failed := false
	for i, path := range paths {
		files[i] = checkOne(path, stdin)
		failed = failed || !files[i].OK || f.strict && len(files[i].Warnings) > 0
	}
	if f.output == formatJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"files": files}); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	} else {
		for _, file := range files {
			if file.err != nil {
				fmt.Fprintln(stderr, file.err)
				continue
			}
			if err := file.print(stdout, stderr); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
		}
	}
	if failed {
		return errReported
	}
	return nil
}

func checkOne(path string, stdin io.Reader) checkedFile {
	c, format, err := readFilters(path, stdin)
	file := checkedFile{File: path, Format: format, OK: err == nil, Faults: []jsonFault{}, Warnings: []jsonFault{}, err: err, config: c}
	if path == "-" {
		file.File = stdinName
	}
	faults, ok := errors.AsType[*config.Error](err)
	switch {
	case ok:
		file.Faults = jsonFaults(faults.Faults)
	case err != nil:
		file.Faults = []jsonFault{{Message: err.Error()}}
	default:
		file.Filters = c.Filters.Len()
		file.Warnings = jsonFaults(c.Warnings)
	}
	return file
}

func jsonFaults(faults []config.Fault) []jsonFault {
	out := make([]jsonFault, len(faults))
	for i, f := range faults {
		out[i] = jsonFault{Line: f.Line, Column: f.Column, Path: f.Path, Message: f.Message, Source: f.Source}
	}
	return out
}

// print prints a file without faults in the text format.
func (f *checkedFile) print(stdout, stderr io.Writer) error {
	for _, warning := range f.config.Warnings {
		fmt.Fprintln(stderr, warning)
	}
	what := ""
	if f.Format != config.FilterFile {
		what = fmt.Sprintf(" (%s)", f.Format)
	}
	_, err := fmt.Fprintf(stdout, "%s: %s%s\n", f.File, printable.Count(f.Filters, "filter"), what)
	return err
}
