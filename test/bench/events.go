package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// loaders is the number of goroutines that create Events as fast as the API server
// accepts them.
const loaders = 64

// The reasons of the bench's Events, which filters match.
const (
	accepted = "BackOff"
	rejected = "Pulled"
)

// load creates Events in one namespace.
type load struct {
	events    corev1client.EventInterface
	namespace string
	prefix    string
	next      atomic.Int64
}

func newLoad(core corev1client.CoreV1Interface, namespace, prefix string) *load {
	return &load{events: core.Events(namespace), namespace: namespace, prefix: prefix}
}

// create creates one Event with the given reason.
func (l *load) create(ctx context.Context, reason string) (*corev1.Event, error) {
	n := l.next.Add(1)
	e, err := l.events.Create(ctx, newEvent(l.namespace, fmt.Sprintf("%s-%d", l.prefix, n), reason), metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("creating an Event: %w", err)
	}
	return e, nil
}

// burst creates n Events as fast as possible. One in accept of them is accepted.
// created, if it is not nil, is called with each, concurrently.
func (l *load) burst(ctx context.Context, n, accept int, created func(*corev1.Event)) error {
	return l.spread(ctx, n, accept, 0, created)
}

// steady creates n Events at an even rate, of which every nth by accept is
// accepted. It is late where the API server is.
func (l *load) steady(ctx context.Context, n, accept, perSecond int) error {
	return l.spread(ctx, n, accept, time.Second/time.Duration(perSecond), nil)
}

// spread creates n Events, each so long after the one before, or later where
// all loaders are busy.
func (l *load) spread(ctx context.Context, n, accept int, apart time.Duration, created func(*corev1.Event)) error {
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	var next atomic.Int64
	for range min(loaders, n) {
		group.Go(func() error {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if apart > 0 {
					if err := pause(ctx, time.Until(began.Add(time.Duration(i)*apart))); err != nil {
						return err
					}
				}
				reason := rejected
				if accept > 0 && i%int64(accept) == 0 {
					reason = accepted
				}
				e, err := l.create(ctx, reason)
				if err != nil {
					return err
				}
				if created != nil {
					created(e)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// pace creates accepted Events at a constant rate for some time. Each starts on time,
// even if those before it are not done. It returns when all are done, or when
// created, which is called with each, returns an error.
func (l *load) pace(ctx context.Context, perSecond int, d time.Duration, created func(*corev1.Event) error) error {
	group, ctx := errgroup.WithContext(ctx)
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for range int(d.Seconds() * float64(perSecond)) {
		select {
		case <-ctx.Done():
			return group.Wait()
		case <-ticker.C:
		}
		group.Go(func() error {
			e, err := l.create(ctx, accepted)
			if err != nil {
				return err
			}
			return created(e)
		})
	}
	return group.Wait()
}

// newEvent returns an Event about a pod, of the size of a kubelet's: about
// 1 KiB as the API server stores it, managedFields included.
func newEvent(namespace, name, reason string) *corev1.Event {
	now := metav1.Now()
	pod := fmt.Sprintf("checkout-service-%08x-%05x", rand.Uint32(), rand.Uint32()%0xfffff)
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: pod,
			UID: "6f1c2c40-7b0e-4a39-9c55-0d6cbb1f5a11", ResourceVersion: "123456", FieldPath: "spec.containers{checkout}",
		},
		Reason: reason,
		Message: "Back-off restarting failed container checkout in pod " + pod +
			"_production(6f1c2c40-7b0e-4a39-9c55-0d6cbb1f5a11): registry.example.com/shop/checkout-service:v1.42.7",
		Type:           corev1.EventTypeWarning,
		Source:         corev1.EventSource{Component: "kubelet", Host: "node-17.example.com"},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
		ReportingController: "kubelet", ReportingInstance: "node-17.example.com",
	}
}
