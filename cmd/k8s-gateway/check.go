package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

const checkLong = `Reads a filter file as the gateway would, and reports everything that is wrong
with it: each fault with file, line, column, path and the line it stands on.
Exits 0 and says how many filters it read when the gateway would run with the
file, and 1 when it would refuse it. Warnings do not change the exit code.`

func newCheckCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     "check --config FILE",
		Short:   "Checks a filter file and reports every fault in it",
		Long:    checkLong,
		Example: "  k8s-gateway check --config filters.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return check(path, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&path, "config", os.Getenv("GATEWAY_CONFIG"), "the filter `file` ($GATEWAY_CONFIG)")
	return cmd
}

// check writes what is wrong with the file at path to stderr, and what is
// right with it to stdout.
func check(path string, stdout, stderr io.Writer) error {
	if path == "" {
		return errors.New("check needs a filter file: name it with --config FILE")
	}
	c, err := config.Load(path)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errReported
	}
	for _, warning := range c.Warnings {
		fmt.Fprintln(stderr, warning)
	}
	fmt.Fprintf(stdout, "%s: %s\n", path, plural(c.Filters.Len(), "filter"))
	return nil
}

// plural counts things: "1 filter", "2 filters".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
