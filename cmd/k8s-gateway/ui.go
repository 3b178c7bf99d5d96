package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/eventinput"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/ui"
)

const uiLong = `Shows Events in the browser as they arrive, the verdict of a filter list on each
and why, and an editor that shows what an edited list would do with all Events so
far. The list can be copied or downloaded as a filter file, as Helm values, or as a
test file.

It reads the cluster that kubectl would talk to and needs the right to list and
watch Events, nothing else. With files, or - for standard input, it shows Events
that kubectl printed and needs no cluster. It writes nothing and builds nothing.

The page is served on a free port of 127.0.0.1, and its address is printed. Other
users of the same machine can open it too.`

const uiExample = `  # Write a first filter list, with the Events of the current cluster
  k8s-gateway ui --open

  # Edit a list; the page shows what changes
  k8s-gateway ui --config filters.yaml --namespace pequod,ahab

  # Without a cluster
  kubectl get events -A -o json > events.json
  k8s-gateway ui --config filters.yaml events.json`

const (
	// maxUIBytes is how much memory Events may take on a user's machine.
	maxUIBytes = 32 << 20
	// connectEvery is the time between two attempts to read a cluster.
	connectEvery = 5 * time.Second
	// listEvery is the time between two reads of the filter file.
	listEvery = time.Second
)

// firstList is in the editor if there is no filter file.
const firstList = `# The Brigade project that builds, by name or ID.
project: deis/empty-testbed

# The first filter that matches an Event decides; what none matches is rejected.
# Choose an Event, then "Make a filter of this".
filters: []
`

type uiFlags struct {
	config             filterFile
	listen             string
	open               bool
	allowBrigadeEvents bool
	cluster            clusterFlags
}

func newUICommand() *cobra.Command {
	flags := &uiFlags{config: filterFileFromEnvironment()}
	cmd := &cobra.Command{
		Use:     "ui [--config FILE] [FILE... | -]",
		Short:   "Shows Events, verdicts and a filter editor in the browser",
		Long:    uiLong,
		Example: uiExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUI(cmd.Context(), flags, args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags.addTo(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (f *uiFlags) addTo(flags *pflag.FlagSet) {
	flags.Var(&f.config, "config", "the filter `file`, YAML or JSON; it is read again when it changes ($GATEWAY_CONFIG)")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "the `address` of the page; port 0 is a free one")
	flags.BoolVar(&f.open, "open", false, "open the page in the browser")
	addAllowBrigadeEvents(flags, &f.allowBrigadeEvents, "")
	f.cluster.addTo(flags, "")
}

// runUI serves the page until ctx ends.
func runUI(ctx context.Context, f *uiFlags, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := f.cluster.validate(); err != nil {
		return err
	}
	log := newLogger(logText, stderr)
	list, err := f.readList()
	if err != nil {
		return err
	}
	follow, where, err := f.source(args, stdin)
	if err != nil {
		return err
	}
	listener, loopback, err := ui.Listen(ctx, f.listen)
	if err != nil {
		return err
	}
	page := ui.New(ui.Options{
		Where: where, Version: version, AllowBrigadeEvents: f.allowBrigadeEvents,
		MaxBytes: maxUIBytes, Address: f.listen, Log: log,
	})
	page.SetList(list)
	address := "http://" + listener.Addr().String() + "/"
	fmt.Fprintf(stdout, "Page: %s\nCtrl-C ends it.\n", address)
	if !loopback {
		warnOfPage(log, f.listen)
	}
	if f.open {
		openBrowser(ctx, address, log)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return page.Run(ctx, listener) })
	group.Go(func() error { f.followList(ctx, page, list); return nil })
	group.Go(func() error { follow(ctx, page, log); return nil })
	return group.Wait()
}

// readList returns the filter file, without a Config if it has faults.
func (f *uiFlags) readList() (ui.List, error) {
	text := []byte(firstList)
	if f.config.path != "" {
		var err error
		if text, err = config.ReadFile(f.config.path, config.MaxSize); err != nil {
			return ui.List{}, fmt.Errorf("reading the filter file: %w", err)
		}
	}
	if len(text) > config.MaxSize {
		return ui.List{}, fmt.Errorf("the filter file %s has more than %d bytes, the maximum of a ConfigMap", f.config.path, config.MaxSize)
	}
	list := ui.List{Name: f.config.path, Text: string(text)}
	if c, err := config.Parse(f.config.path, text); err == nil {
		list.Config = c
	}
	return list, nil
}

// followList reads the filter file again when it has changed. It retries if the
// file cannot be read, for example while an editor replaces it.
func (f *uiFlags) followList(ctx context.Context, page *ui.UI, shown ui.List) {
	if f.config.path == "" {
		return
	}
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if list, err := f.readList(); err == nil && list.Text != shown.Text {
			shown = list
			page.SetList(list)
		}
	}
}

// source returns a function that reads the Events that the arguments name, and
// the name of what is read.
func (f *uiFlags) source(args []string, stdin io.Reader) (follow func(context.Context, *ui.UI, *slog.Logger), where string, err error) {
	if len(args) > 0 {
		return func(ctx context.Context, page *ui.UI, log *slog.Logger) { readEvents(ctx, page, args, stdin, log) }, strings.Join(args, ", "), nil
	}
	live, server, err := f.cluster.events()
	if err != nil {
		return nil, "", fmt.Errorf("%w, or name files with Events that kubectl printed", err)
	}
	where = server + ", " + strings.Join(namesOf(live.Scopes), ", ")
	return func(ctx context.Context, page *ui.UI, log *slog.Logger) { followCluster(ctx, page, live, log) }, where, nil
}

// readEvents shows the Events of files.
func readEvents(ctx context.Context, page *ui.UI, args []string, stdin io.Reader, log *slog.Logger) {
	for _, arg := range args {
		var source explain.Source = eventinput.File(arg)
		if arg == "-" {
			source = eventinput.Stream{Name: "stdin", Reader: stdin}
			page.SetSource(ui.Source{State: ui.Following})
		}
		if err := source.Each(ctx, seenBy(page)); err != nil && ctx.Err() == nil {
			log.Error("reading Events failed", "err", err)
			page.SetSource(ui.Source{State: ui.Failed, Err: err})
			return
		}
	}
	page.SetSource(ui.Source{State: ui.Ended})
}

// followCluster shows the Events of a cluster until ctx ends. It retries if the
// cluster cannot be read.
func followCluster(ctx context.Context, page *ui.UI, live explain.Live, log *slog.Logger) {
	live.Synced = func() { page.SetSource(ui.Source{State: ui.Following}) }
	for {
		if err := live.Each(ctx, seenBy(page)); err != nil && ctx.Err() == nil {
			log.Error("reading Events failed, retrying", "err", err, "in", connectEvery)
			page.SetSource(ui.Source{State: ui.Failed, Err: err})
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(connectEvery):
		}
	}
}

func seenBy(page *ui.UI) func(*corev1.Event) error {
	return func(e *corev1.Event) error {
		page.Seen(e, page.Decide(e))
		return nil
	}
}

func openBrowser(ctx context.Context, address string, log *slog.Logger) {
	name, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	default:
	}
	if err := exec.CommandContext(ctx, name, args...).Start(); err != nil { //nolint:gosec // one of three programs, and the page's own address
		log.Warn("opening the browser failed", "err", err)
	}
}
