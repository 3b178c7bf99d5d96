package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/brigadecore/brigade/pkg/brigade"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	ours "github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
)

// bare is the simplest client that creates builds of Events: it gets Events in
// memory, without a watch, and creates a Secret of each. It does not decide, store or
// log, and stops at the first error.
type bare struct {
	secrets   corev1client.SecretInterface
	namespace string
}

// newBare returns a bare client that creates Secrets in namespace.
func newBare(core corev1client.CoreV1Interface, namespace string) bare {
	return bare{secrets: core.Secrets(namespace), namespace: namespace}
}

// create creates the Secret of one Event, with the same content as the gateway.
func (b bare) create(ctx context.Context, e *corev1.Event) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding an Event: %w", err)
	}
	title := e.Reason + ": " + e.InvolvedObject.Kind + " " + e.InvolvedObject.Name
	secret := ours.Secret(b.namespace, &brigade.Build{
		ID:         strings.ToLower(ulid.Make().String()),
		ProjectID:  ours.ProjectID(project),
		Type:       e.InvolvedObject.Kind + ":" + e.Reason,
		Provider:   ours.Provider,
		ShortTitle: title,
		LongTitle:  title + ": " + e.Message,
		Revision:   &brigade.Revision{Ref: "refs/heads/master"},
		Payload:    payload,
	})
	if _, err := b.secrets.Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating a build: %w", err)
	}
	return nil
}

// work creates Secrets of the received Events, with the given number of workers,
// until events is closed.
func (b bare) work(ctx context.Context, workers int, events <-chan *corev1.Event) error {
	return work(ctx, workers, events, b.create)
}

// work calls do with each received Event, with the given number of workers, until events
// is closed.
func work(ctx context.Context, workers int, events <-chan *corev1.Event, do func(context.Context, *corev1.Event) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case e, more := <-events:
					if !more {
						return nil
					}
					if err := do(ctx, e); err != nil {
						return err
					}
				}
			}
		})
	}
	return group.Wait()
}

// list reads all Events of a namespace in pages, as kubectl does, and returns
// their number.
func list(ctx context.Context, events corev1client.EventInterface, each func(*corev1.Event)) error {
	options := metav1.ListOptions{Limit: 500}
	for {
		page, err := events.List(ctx, options)
		if err != nil {
			return fmt.Errorf("listing Events: %w", err)
		}
		for i := range page.Items {
			each(&page.Items[i])
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return nil
		}
	}
}
