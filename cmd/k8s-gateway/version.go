package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

type versionInfo struct {
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

func newVersionCommand() *cobra.Command {
	output := formatText
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Prints the version",
		Example: "  k8s-gateway version -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printVersion(cmd.OutOrStdout(), output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", output, "the `format`: text or json")
	return cmd
}

func printVersion(w io.Writer, output string) error {
	info := versionInfo{Version: version, Commit: commit, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	switch output {
	case formatJSON:
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(info)
	case formatText:
		_, err := fmt.Fprintf(w, "k8s-gateway %s, commit %s, %s, %s\n", info.Version, info.Commit, info.GoVersion, info.Platform)
		return err
	default:
		return fmt.Errorf("-o %q: must be text or json", output)
	}
}
