package main

import "github.com/spf13/cobra"

const rootLong = `Runs a Brigade build for each Kubernetes Event that a filter list accepts.

The gateway watches Events, runs each through the filters of the file named by
--config (the first that matches decides, and what none matches is rejected),
and creates one Brigade build Secret for each Event that is accepted, even if it is
restarted, interrupted or runs twice. Without a file it logs every Event and builds
none, which shows what can be filtered.

In a pod it uses the pod's ServiceAccount; elsewhere --kubeconfig, $KUBECONFIG
or ~/.kube/config, as kubectl does. It needs the right to list and watch Events in
the namespaces it watches, and to create Secrets in the build namespace.`

const rootExample = `  # See which Events exist; build nothing
  k8s-gateway --log-format=text

  # Check a filter file
  k8s-gateway check filters.yaml

  # Try a filter file on the cluster's Events
  kubectl get events -A -o json | k8s-gateway explain --config filters.yaml -

  # See Events, verdicts and a filter editor in the browser
  k8s-gateway ui --config filters.yaml

  # Build from the Events of two namespaces; Brigade runs in namespace brigade
  k8s-gateway --config filters.yaml --namespace pequod,ahab --build-namespace brigade`

func newRootCommand() *cobra.Command {
	flags := defaultDaemonFlags()
	cmd := &cobra.Command{
		Use:           "k8s-gateway",
		Short:         "Runs Brigade builds for Kubernetes Events",
		Long:          rootLong,
		Example:       rootExample,
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDaemon(cmd.Context(), flags, cmd.ErrOrStderr())
		},
	}
	flags.addTo(cmd.Flags())
	cmd.Flags().SortFlags = false
	cmd.AddCommand(newCheckCommand(), newExplainCommand(), newTestCommand(), newUICommand(), newVersionCommand(), newPositionCommand())
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return singleDash(err) })
	return cmd
}
