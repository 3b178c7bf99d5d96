package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/eventinput"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
)

const explainLong = `Shows what the gateway would do with Events: the verdict on each and what decided
it (a filter by its id or index, "default" if none matched, "namespace" for an
Event about an object of another namespace, "guard" for Events about Brigade's own
workers), and then for each filter how often it decided and how many builds it
would have started. It builds nothing.

It reads Events that kubectl printed, from files or from standard input: a List,
an EventList, single Events, JSON or YAML, several of them one after the other,
with or without --watch, of v1 and of events.k8s.io/v1, compressed by gzip or not;
or the output of kubectl cluster-info dump. With --live it reads those of the
cluster that kubectl would use, until Ctrl-C. Without a filter file it lists the
Events.

Exits 1 if the filter file has a fault, or if the input is not Events, and prints
the position.`

const explainExample = `  # Try a filter file on the cluster's Events
  kubectl get events -A -o json | k8s-gateway explain --config filters.yaml -

  # See which condition each Event failed
  kubectl get events -n pequod -o yaml > events.yaml
  k8s-gateway explain --config filters.yaml --why events.yaml

  # Follow the cluster until Ctrl-C, then read the summary
  k8s-gateway explain --config filters.yaml --live --namespace pequod

  # Which Events would share a build?
  k8s-gateway explain --config filters.yaml -o json events.yaml | jq -r .buildID`

type explainFlags struct {
	config             filterFile
	why                bool
	output             string
	allowBrigadeEvents bool
	live               bool
	cluster            clusterFlags
}

func newExplainCommand() *cobra.Command {
	flags := &explainFlags{config: filterFileFromEnvironment()}
	cmd := &cobra.Command{
		Use:     "explain [--config FILE] {FILE... | - | --live}",
		Short:   "Shows what a filter file would do with Events",
		Long:    explainLong,
		Example: explainExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExplain(cmd.Context(), flags, args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags.addTo(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (f *explainFlags) addTo(flags *pflag.FlagSet) {
	flags.Var(&f.config, "config", "the filter `file`, YAML or JSON ($GATEWAY_CONFIG)")
	flags.BoolVar(&f.why, "why", false, "name the condition that failed in each filter that was tried")
	flags.StringVarP(&f.output, "output", "o", string(explain.Text), "the `format`: text, or json for one object per line, with the summary on standard error")
	addAllowBrigadeEvents(flags, &f.allowBrigadeEvents, "")
	f.addLiveTo(flags)
}

// addLiveTo adds the flags that say which cluster to read.
func (f *explainFlags) addLiveTo(flags *pflag.FlagSet) {
	flags.BoolVar(&f.live, "live", false, "read the cluster's Events, and follow them until Ctrl-C")
	f.cluster.addTo(flags, "with --live, ")
}

func runExplain(ctx context.Context, f *explainFlags, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	format, err := f.validate("explain", args)
	if err != nil {
		return err
	}
	c := config.Observe()
	if f.config.path != "" {
		if c, err = loadFilters(f.config.path, stdin, stderr); err != nil {
			return err
		}
	}
	sources, err := f.sources(args, stdin, stderr)
	if err != nil {
		return err
	}
	return explain.Run(ctx, explain.Options{
		Config:             c,
		AllowBrigadeEvents: f.allowBrigadeEvents,
		Sources:            sources,
		Format:             format,
		Why:                f.why,
		Out:                stdout,
		Summary:            stderr,
	})
}

// sources returns the sources of Events that the command line names.
func (f *explainFlags) sources(args []string, stdin io.Reader, stderr io.Writer) ([]explain.Source, error) {
	var sources []explain.Source
	for _, arg := range args {
		if arg == "-" {
			sources = append(sources, eventinput.Stream{Name: "stdin", Reader: stdin})
		} else {
			sources = append(sources, eventinput.File(arg))
		}
	}
	if f.live {
		newLogger(logText, stderr) // client-go logs lost connections
		live, _, err := f.cluster.events()
		if err != nil {
			return nil, err
		}
		sources = append(sources, live)
	}
	return sources, nil
}

// validate returns the output format, or all faults of the command line in one
// error.
func (f *explainFlags) validate(command string, args []string) (explain.Format, error) {
	var faults []error
	if f.config.path == "" && command != "explain" {
		faults = append(faults, fmt.Errorf("%s needs a filter file: name it with --config FILE", command))
	}
	if f.config.path == "-" && slices.Contains(args, "-") {
		faults = append(faults, errors.New("standard input cannot be both the filter file and the Events: name a file for one of them"))
	}
	switch {
	case f.live && len(args) > 0:
		faults = append(faults, errors.New("--live reads the cluster and no files: remove the files or --live"))
	case !f.live && len(args) == 0:
		faults = append(faults, fmt.Errorf("%s needs Events: name a file, - for standard input, or --live for the cluster's", command))
	}
	if given := f.cluster.given(); !f.live && len(given) > 0 {
		faults = append(faults, fmt.Errorf("%s: only with --live; all Events of a file are read", strings.Join(given, ", ")))
	}
	format, err := explain.ParseFormat(f.output)
	if err != nil {
		faults = append(faults, fmt.Errorf("--output: %w", err))
	}
	faults = append(faults, f.cluster.validate())
	return format, errors.Join(faults...)
}
