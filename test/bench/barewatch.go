package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// The loads of the row reading: read is measured, and last comes after it.
const (
	readLoad = "read"
	lastLoad = "last"
)

// The log messages of a bare watch.
const (
	bareWatching = "watching"
	bareDone     = "read all"
)

// bareWatch watches the Events of a namespace and discards each after client-go has
// decoded it, until the last one. This is the least that reading Events costs. It is
// a separate process because CPU time is counted by process.
func bareWatch(ctx context.Context, kubeconfig, namespace string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	core, err := client(config)
	if err != nil {
		return err
	}
	list, err := core.Events(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return fmt.Errorf("listing Events: %w", err)
	}
	say := func(message string) { fmt.Fprintf(os.Stderr, "{\"msg\":%q}\n", message) }
	say(bareWatching)
	err = follow(ctx, core.Events(namespace), list.ResourceVersion, func(e *corev1.Event) bool {
		return !strings.HasPrefix(e.Name, lastLoad+"-")
	})
	if err != nil {
		return err
	}
	say(bareDone)
	<-ctx.Done()
	return nil
}

// follow watches the Events of a namespace after a version, and calls each for every one
// until it returns false.
func follow(ctx context.Context, events corev1client.EventInterface, version string, each func(*corev1.Event) (more bool)) error {
	for ctx.Err() == nil {
		source, err := events.Watch(ctx, metav1.ListOptions{ResourceVersion: version})
		if err != nil {
			return fmt.Errorf("watching Events: %w", err)
		}
		for w := range source.ResultChan() {
			e, ok := w.Object.(*corev1.Event)
			if !ok {
				source.Stop()
				return fmt.Errorf("watching Events: %w", apierrors.FromObject(w.Object))
			}
			version = e.ResourceVersion
			if !each(e) {
				source.Stop()
				return nil
			}
		}
	}
	return ctx.Err()
}

// bareWatcher is a process that runs bareWatch, and the CPU time that it had used
// before the first Event.
type bareWatcher struct {
	gateway *gateway
	before  time.Duration
}

// startBareWatch starts a bareWatcher and returns when it watches.
func (b *bench) startBareWatch(ctx context.Context, watch string) (*bareWatcher, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	messages := newLogWatch()
	b.processes++
	process, err := b.cp.Run(controlplane.Program{
		Name: fmt.Sprintf("bare-watch-%d", b.processes), Path: self, Output: messages,
		Args: []string{"--bare-watch", watch, "--kubeconfig", b.kubeconfig},
	})
	if err != nil {
		return nil, err
	}
	w := &bareWatcher{gateway: &gateway{process: process, started: time.Now(), messages: messages}}
	if _, err := w.gateway.await(ctx, bareWatching); err != nil {
		return nil, errors.Join(err, w.gateway.process.Stop())
	}
	w.before, err = cpuOf(w.gateway.process.PID())
	return w, err
}

// spent returns the CPU time that reading everything took.
func (w *bareWatcher) spent(ctx context.Context) (time.Duration, error) {
	if _, err := w.gateway.await(ctx, bareDone); err != nil {
		return 0, err
	}
	cpu, err := cpuOf(w.gateway.process.PID())
	return cpu - w.before, err
}
