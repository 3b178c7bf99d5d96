package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

const positionLong = `Reads or changes the position of a gateway: the ConfigMap that stores up to where
Events are done. The chart calls it
NAMESPACE/RELEASE-brigade-k8s-gateway-position.

A running gateway owns its position. It starts again from a position that "skip"
writes, but may still build what it has accepted before, and it undoes "reset". So
stop it first:

  kubectl scale -n brigade deployment/events-brigade-k8s-gateway --replicas=0`

const positionExample = `  # The stored position, and that of the cluster
  k8s-gateway position show brigade/events-brigade-k8s-gateway-position

  # Build no Event that occurred until now
  k8s-gateway position skip brigade/events-brigade-k8s-gateway-position

  # Delete the position: the next start is like the first one
  k8s-gateway position reset brigade/events-brigade-k8s-gateway-position`

type positionFlags struct {
	kubeconfig string
	master     string
}

func newPositionCommand() *cobra.Command {
	f := &positionFlags{}
	cmd := &cobra.Command{
		Use:     "position",
		Short:   "Shows, skips or resets the position of a gateway",
		Long:    positionLong,
		Example: positionExample,
	}
	cmd.PersistentFlags().StringVar(&f.kubeconfig, "kubeconfig", "", "the kubeconfig `file`; default: $KUBECONFIG or ~/.kube/config")
	cmd.PersistentFlags().StringVar(&f.master, "master", "", "the `URL` of the API server, instead of the kubeconfig's")
	for _, sub := range []struct {
		use, short string
		do         func(*positionAt, context.Context, io.Writer) error
	}{
		{"show", "Prints the position of each scope, and the cluster's", (*positionAt).show},
		{"skip", "Moves every position to now: earlier Events are not built", (*positionAt).skip},
		{"reset", "Removes every position: the next start is like the first one", (*positionAt).reset},
	} {
		cmd.AddCommand(&cobra.Command{
			Use:   sub.use + " [NAMESPACE/]NAME",
			Short: sub.short,
			Args:  cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				at, err := f.at(args[0])
				if err != nil {
					return err
				}
				return sub.do(at, cmd.Context(), cmd.OutOrStdout())
			},
		})
	}
	return cmd
}

// positionAt is the position in one ConfigMap of a cluster.
type positionAt struct {
	core   corev1client.CoreV1Interface
	object gateway.Object
}

func (f *positionFlags) at(name string) (*positionAt, error) {
	config, namespace, err := connect(f.kubeconfig, f.master)
	if err != nil {
		return nil, err
	}
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &positionAt{core: core, object: object(name, podNamespace(namespace))}, nil
}

func (p *positionAt) store() *position.Store {
	return position.NewStore(p.core, p.object.Namespace, p.object.Name)
}

// load returns what is stored. It is an error if nothing is.
func (p *positionAt) load(ctx context.Context, store *position.Store) (position.Positions, error) {
	stored, err := store.Load(ctx)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 {
		return nil, fmt.Errorf("no position in ConfigMap %s/%s", p.object.Namespace, p.object.Name)
	}
	return stored, nil
}

// now returns the cluster's own position: the resourceVersion of a list.
func (p *positionAt) now(ctx context.Context) (string, error) {
	list, err := p.core.Events(p.object.Namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return "", fmt.Errorf("getting the cluster's position: %w", err)
	}
	return list.ResourceVersion, nil
}

func (p *positionAt) show(ctx context.Context, w io.Writer) error {
	stored, err := p.load(ctx, p.store())
	if err != nil {
		return err
	}
	current, err := p.now(ctx)
	if err != nil {
		return err
	}
	for _, scope := range slices.Sorted(maps.Keys(stored)) {
		fmt.Fprintf(w, "%s: %s\n", scope, cmp.Or(stored[scope], "nothing done yet"))
	}
	fmt.Fprintf(w, "the cluster: %s\n", current)
	return nil
}

func (p *positionAt) skip(ctx context.Context, w io.Writer) error {
	store := p.store()
	stored, err := p.load(ctx, store)
	if err != nil {
		return err
	}
	current, err := p.now(ctx)
	if err != nil {
		return err
	}
	for scope := range stored {
		stored[scope] = current
	}
	if err := store.Save(ctx, stored); errors.Is(err, position.ErrTaken) {
		return fmt.Errorf("%w: a gateway moved it meanwhile; try again, or stop the gateway first", err)
	} else if err != nil {
		return err
	}
	for _, scope := range slices.Sorted(maps.Keys(stored)) {
		fmt.Fprintf(w, "%s: skipped to %s\n", scope, current)
	}
	return nil
}

func (p *positionAt) reset(ctx context.Context, w io.Writer) error {
	if _, err := p.load(ctx, p.store()); err != nil {
		return err
	}
	client := p.core.ConfigMaps(p.object.Namespace)
	stored, err := client.Get(ctx, p.object.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading position: %w", err)
	}
	for _, key := range position.Keys(stored.Data) {
		delete(stored.Data, key)
	}
	if _, err := client.Update(ctx, stored, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("removing position: %w", err)
	}
	fmt.Fprintf(w, "removed the position from ConfigMap %s/%s\n", p.object.Namespace, p.object.Name)
	return nil
}
