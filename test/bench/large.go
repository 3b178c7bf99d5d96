package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// largeToReach is the peak memory with large Events, in MiB.
	largeToReach = 128
	// largeMessage is the size of a large Event's message: nearly the largest
	// object that etcd accepts.
	largeMessage = 1_000_000
	// largeLanes is the number of goroutines that create them.
	largeLanes = 8
)

// paging makes client-go list in pages, as with an API server that does not stream
// lists.
var paging = []string{"KUBE_FEATURE_WatchListClient=false"} //nolint:gochecknoglobals // a constant

// measureLarge measures the peak memory of a gateway that starts with many Events of
// a megabyte each: once all are rejected, and once all are accepted and wait for the
// pace.
func measureLarge(ctx context.Context, b *bench) error {
	n := b.scale.Large
	for _, events := range []struct{ name, reason string }{{"rejected", rejected}, {"accepted and waiting", accepted}} {
		watch, err := b.namespace(ctx)
		if err != nil {
			return err
		}
		b.logf("  creating %d Events of 1 MB", n)
		if err := b.createLarge(ctx, watch, events.reason, n); err != nil {
			return err
		}
		for _, list := range []struct {
			name string
			env  []string
		}{{"streamed", nil}, {"in pages", paging}} {
			m, err := b.largeWith(ctx, watch, list.env)
			if err != nil {
				return err
			}
			b.add(measurement{
				Row: "large", Case: fmt.Sprintf("peak, %d Events of 1 MB %s, list %s", n, events.name, list.name), Unit: "MiB", Size: n,
				Gateway: new(m.peak / mib), ToReach: fmt.Sprintf("< %d MiB", largeToReach), Reached: new(m.peak < largeToReach*mib),
				Note: fmt.Sprintf("%.3g MiB now", m.now/mib),
			})
		}
		if err := b.admin.Events(watch).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			return fmt.Errorf("deleting the large Events: %w", err)
		}
	}
	return nil
}

// createLarge creates Events with a large message.
func (b *bench) createLarge(ctx context.Context, namespace, reason string, n int) error {
	message := strings.Repeat("an error, and every cause of it; ", largeMessage/33)
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range largeLanes {
		group.Go(func() error {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				e := newEvent(namespace, fmt.Sprintf("large-%d", i), reason)
				e.Message = message
				if _, err := b.admin.Events(namespace).Create(ctx, e, metav1.CreateOptions{}); err != nil {
					return fmt.Errorf("creating a large Event: %w", err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// largeWith starts a gateway with a limit of one build a second, and returns its
// memory after it has read all Events and idled.
func (b *bench) largeWith(ctx context.Context, watch string, env []string) (m memory, err error) {
	builds, err := b.namespace(ctx)
	if err != nil {
		return memory{}, err
	}
	l := launch{watch: watch, builds: builds, limits: limitsOn, args: []string{"--replay-existing"}, env: env}
	err = b.with(l, func(g *gateway) error {
		if _, err := g.await(ctx, watching); err != nil {
			return err
		}
		if err := pause(ctx, settleTime); err != nil {
			return err
		}
		m, err = memoryOf(g.process.PID())
		return err
	})
	return m, err
}
