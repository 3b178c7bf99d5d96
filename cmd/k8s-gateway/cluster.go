package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
)

// clusterFlags are the flags of the commands that read the Events of a cluster.
type clusterFlags struct {
	namespaces []string
	kubeconfig string
	master     string
	// flags is the set that addTo added to.
	flags *pflag.FlagSet
}

// addTo adds the flags. Their descriptions begin with needs, for example
// "with --live, ".
func (f *clusterFlags) addTo(flags *pflag.FlagSet, needs string) {
	f.flags = flags
	flags.StringSliceVar(&f.namespaces, "namespace", strings.Split(os.Getenv("GATEWAY_NAMESPACE"), ","),
		needs+"the `namespace`s to read, repeated or separated by commas; empty or * for all ($GATEWAY_NAMESPACE)")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", needs+"the kubeconfig `file`; default: $KUBECONFIG or ~/.kube/config")
	flags.StringVar(&f.master, "master", "", needs+"the `URL` of the API server, instead of the kubeconfig's")
}

// validate returns all faults of the flags in one error.
func (f *clusterFlags) validate() error {
	var faults []error
	for _, namespace := range f.namespaces {
		faults = append(faults, checkNamespace("--namespace", namespace, "*"))
	}
	return errors.Join(faults...)
}

// given returns which of the flags are on the command line, and which of the others
// with these names.
func (f *clusterFlags) given(others ...string) []string {
	var given []string
	for _, name := range append(others, "namespace", "kubeconfig", "master") {
		if f.flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	return given
}

// events returns the source of the cluster's Events, and the address of its API
// server.
func (f *clusterFlags) events() (events explain.Live, server string, err error) {
	clientConfig, _, err := connect(f.kubeconfig, f.master)
	if err != nil {
		return explain.Live{}, "", err
	}
	client, err := corev1client.NewForConfig(clientConfig)
	if err != nil {
		return explain.Live{}, "", fmt.Errorf("making a client: %w", err)
	}
	return explain.Live{Client: client, Scopes: scopesOf(f.namespaces)}, clientConfig.Host, nil
}

// addAllowBrigadeEvents adds the flag that turns the loop guard off.
func addAllowBrigadeEvents(flags *pflag.FlagSet, into *bool, needs string) {
	flags.BoolVar(into, "allow-brigade-events", false, needs+"turn the loop guard off, as the gateway's flag does")
}
