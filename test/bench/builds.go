package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	ours "github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
)

// builds watches the build Secrets of a namespace, no matter who creates them,
// and notes for which Event each is and when it became visible.
type builds struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu sync.Mutex
	// seen is when the first build of an Event became visible, by its name.
	seen map[string]time.Time
	// loads counts by load, which is the name of an Event before its number.
	loads map[string]*tally
	// ended is the error with which the watch ended.
	ended   error
	changed chan struct{}
}

// tally has the builds of one load.
type tally struct {
	// events is the number of Events with a build; repeats are the builds after the
	// first of an Event.
	events, repeats int
	// first and last are when the first and the last Event got its build.
	first, last time.Time
}

// watchBuilds watches the builds that are created from now on.
func watchBuilds(ctx context.Context, core corev1client.CoreV1Interface, namespace string) (*builds, error) {
	list, err := core.Secrets(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("watching builds: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &builds{
		cancel: cancel, done: make(chan struct{}),
		seen: map[string]time.Time{}, loads: map[string]*tally{}, changed: make(chan struct{}, 1),
	}
	go func() {
		defer close(b.done)
		err := b.follow(ctx, core.Secrets(namespace), list.ResourceVersion)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ended = err
		b.tell()
	}()
	return b, nil
}

// place creates a new namespace and watches its builds.
func (b *bench) place(ctx context.Context) (namespace string, seen *builds, err error) {
	if namespace, err = b.namespace(ctx); err != nil {
		return "", nil, err
	}
	seen, err = watchBuilds(ctx, b.admin, namespace)
	return namespace, seen, err
}

// stop ends the watch.
func (b *builds) stop() {
	b.cancel()
	<-b.done
}

// follow watches Secrets from a resourceVersion on, until ctx ends or the API
// server returns an error. It restarts a watch that ended at once, unlike the retry
// watcher of client-go, which waits a second, because the API server ends a watch
// that does not read fast enough.
func (b *builds) follow(ctx context.Context, secrets corev1client.SecretInterface, version string) error {
	for ctx.Err() == nil {
		source, err := secrets.Watch(ctx, metav1.ListOptions{ResourceVersion: version, FieldSelector: "type=" + string(ours.SecretType)})
		if err != nil {
			return fmt.Errorf("watching builds: %w", err)
		}
		for w := range source.ResultChan() {
			secret, ok := w.Object.(*corev1.Secret)
			if !ok {
				source.Stop()
				return fmt.Errorf("watching builds: %w", apierrors.FromObject(w.Object))
			}
			version = secret.ResourceVersion
			if w.Type == watch.Added {
				b.note(eventOf(secret), time.Now())
			}
		}
	}
	return ctx.Err()
}

// note records that a build of the named Event became visible.
func (b *builds) note(event string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	load := event[:max(strings.LastIndexByte(event, '-'), 0)]
	t := b.loads[load]
	if t == nil {
		t = &tally{first: now}
		b.loads[load] = t
	}
	if _, again := b.seen[event]; again {
		t.repeats++
		return
	}
	b.seen[event] = now
	t.events++
	t.last = now
	b.tell()
}

func (b *builds) tell() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// eventOf returns the name of the Event a build is for. Its payload is that
// Event as JSON, with this gateway and with the first one.
func eventOf(s *corev1.Secret) string {
	var e struct {
		Metadata struct{ Name string }
	}
	if err := json.Unmarshal(s.Data["payload"], &e); err != nil {
		return "" // not a build of the bench
	}
	return e.Metadata.Name
}

// lateError means that builds were not created in time.
type lateError struct {
	want, got int
	within    time.Duration
}

func (e *lateError) Error() string {
	return fmt.Sprintf("%d of %d Events have builds after %s", e.got, e.want, e.within)
}

// await waits until n Events of a load have builds and returns the tally. It is not
// safe for concurrent use. If they are not created within the given time, the error
// is a *lateError and the tally has those that were.
func (b *builds) await(ctx context.Context, load string, n int, within time.Duration) (tally, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		t, err := b.of(load)
		if t.events >= n || err != nil {
			return t, err
		}
		select {
		case <-ctx.Done():
			return t, ctx.Err()
		case <-deadline.C:
			return t, &lateError{want: n, got: t.events, within: within}
		case <-b.changed:
		}
	}
}

// of returns the tally of a load so far.
func (b *builds) of(load string) (tally, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.loads[load]; t != nil {
		return *t, b.ended
	}
	return tally{}, b.ended
}

// visible returns the time at which the build of each Event became visible.
func (b *builds) visible(event string) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.seen[event]
	return at, ok
}
