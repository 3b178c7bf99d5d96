package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filtertest"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

const testLong = `Runs unit tests for filter lists. A test file names a filter file and cases: Events,
with only the fields that matter, and what is expected of them. docs/filters.md has
the format.

Prints a line for each case, a diff and the steps to the verdict for a case that
fails, and the filters that decided no case. Exits 1 if a case fails or a file has a
fault.

With --record it writes such a file instead: from Events that kubectl printed, or
with --live from the cluster's until Ctrl-C, and expects today's verdicts.`

const testExample = `  k8s-gateway test filters_test.yaml

  # In CI
  k8s-gateway test -o junit teams/*/filters_test.yaml > report.xml

  # Record tests for a list that is in use
  kubectl get events -A -o json > events.json
  k8s-gateway test --record filters_test.yaml --config filters.yaml events.json`

type testFlags struct {
	run    string
	output string
	strict bool
	record string
	live   explainFlags
}

func newTestCommand() *cobra.Command {
	f := &testFlags{live: explainFlags{config: filterFileFromEnvironment()}}
	cmd := &cobra.Command{
		Use:     "test FILE...",
		Short:   "Runs unit tests for filter files, or records them",
		Long:    testLong,
		Example: testExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.record != "" {
				return f.recordTests(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return f.runTests(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.run, "run", "", "run only the cases whose name matches the regular `expression`")
	flags.StringVarP(&f.output, "output", "o", string(filtertest.Text), "the `format`: text, json or junit")
	flags.BoolVar(&f.strict, "strict", false, "also fail if a filter decides no case")
	flags.StringVar(&f.record, "record", "", "write a test `file`, - for standard output, from the Events that the arguments name")
	flags.Var(&f.live.config, "config", "with --record, the filter `file` ($GATEWAY_CONFIG)")
	addAllowBrigadeEvents(flags, &f.live.allowBrigadeEvents, "with --record, ")
	f.live.addLiveTo(flags)
	flags.SortFlags = false
	return cmd
}

func (f *testFlags) runTests(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var faults []error
	format, err := filtertest.ParseFormat(f.output)
	if err != nil {
		faults = append(faults, fmt.Errorf("--output: %w", err))
	}
	selected, err := regexp.Compile(f.run)
	if err != nil {
		faults = append(faults, fmt.Errorf("--run: %w", err))
	}
	if len(args) == 0 {
		faults = append(faults, errors.New("test needs a test file: name one, or write one with --record"))
	}
	if given := f.live.cluster.given("config", "live", "allow-brigade-events"); len(given) > 0 {
		faults = append(faults, fmt.Errorf("%s: only with --record; a test file names its filter file and its Events", strings.Join(given, ", ")))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	var reports []filtertest.Report
	failed := false
	for _, arg := range args {
		report, err := runFile(ctx, arg, selected, stderr)
		if err != nil {
			failed = true
			continue
		}
		failed = failed || report.Failed() > 0 || f.strict && len(report.Coverage.Missing) > 0
		reports = append(reports, report)
	}
	if err := filtertest.Print(stdout, format, reports); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if failed {
		return errReported
	}
	ran := 0
	for i := range reports {
		ran += len(reports[i].Results)
	}
	if ran == 0 {
		return fmt.Errorf("--run %q: no test has a name that matches", f.run)
	}
	return nil
}

// runFile runs one test file. It writes its faults to stderr.
func runFile(ctx context.Context, path string, selected *regexp.Regexp, stderr io.Writer) (filtertest.Report, error) {
	file, err := filtertest.Read(ctx, path)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return filtertest.Report{}, errReported
	}
	c, _, err := readFilters(file.Filters, strings.NewReader(""))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return filtertest.Report{}, errReported
	}
	return filtertest.Run(file, c, selected.MatchString), nil
}

func (f *testFlags) recordTests(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	f.live.output = string(explain.Text)
	if _, err := f.live.validate("test --record", args); err != nil {
		return err
	}
	if f.run != "" {
		return errors.New("--run selects tests of a file, and --record writes one: remove one of them")
	}
	c, err := loadFilters(f.live.config.path, stdin, stderr)
	if err != nil {
		return err
	}
	sources, err := f.live.sources(args, stdin, stderr)
	if err != nil {
		return err
	}
	path, err := f.filtersBeside()
	if err != nil {
		return err
	}
	r := &filtertest.Recorder{Filters: path, Config: c, AllowBrigadeEvents: f.live.allowBrigadeEvents}
	for _, source := range sources {
		if err := source.Each(ctx, func(e *corev1.Event) error { return r.Add(e) }); err != nil && ctx.Err() == nil {
			return err
		}
	}
	events, cases := r.Seen()
	if cases == 0 {
		return errors.New("no Events: nothing to record")
	}
	out := stdout
	if f.record != "-" {
		file, err := os.OpenFile(f.record, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("writing the test file: %w; remove it, or name another file", err)
		case err != nil:
			return fmt.Errorf("writing the test file: %w", err)
		}
		defer func() { _ = file.Close() }() // the second time if all went well
		if err := errors.Join(r.Write(file), file.Close()); err != nil {
			return fmt.Errorf("writing the test file: %w", err)
		}
		fmt.Fprintf(stderr, "%s: %s from %s\n", f.record, printable.Count(cases, "test"), printable.Count(events, "Event"))
		return nil
	}
	if err := r.Write(out); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// filtersBeside returns the path of the filter file as the test file names it.
func (f *testFlags) filtersBeside() (string, error) {
	filters := f.live.config.path
	if f.record == "-" || filepath.IsAbs(filters) {
		return filters, nil
	}
	record, err := filepath.Abs(f.record)
	if err != nil {
		return "", fmt.Errorf("naming the filter file: %w", err)
	}
	if filters, err = filepath.Abs(filters); err != nil {
		return "", fmt.Errorf("naming the filter file: %w", err)
	}
	if filters, err = filepath.Rel(filepath.Dir(record), filters); err != nil {
		return "", fmt.Errorf("naming the filter file: %w", err)
	}
	return filepath.ToSlash(filters), nil
}
