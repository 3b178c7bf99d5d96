package explain

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// callTimeout is the deadline of the first list of a scope.
const callTimeout = 15 * time.Second

// Live is a source of the Events of a cluster: the existing ones in the order of
// resourceVersion, and then each new version. It reconnects, and ends with its
// context.
type Live struct {
	// Client needs RBAC rules to list and watch Events.
	Client corev1client.EventsGetter
	// Scopes are what to read.
	Scopes []position.Scope
	// Synced is called when the first list of each scope has succeeded. May be nil.
	Synced func()
}

// Each follows all scopes at once.
func (l Live) Each(ctx context.Context, do func(*corev1.Event) error) error {
	// An error at the start is returned to the user; a reflector would retry
	// forever.
	for _, scope := range l.Scopes {
		if err := l.probe(ctx, scope); err != nil {
			return err
		}
	}
	if l.Synced != nil {
		l.Synced()
	}
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	found := make(chan *corev1.Event)
	send := func(e *corev1.Event) {
		select {
		case found <- e:
		case <-ctx.Done():
		}
	}
	for _, scope := range l.Scopes {
		r := cache.NewReflectorWithOptions(l.listWatch(scope), &corev1.Event{}, &versionStore{send: send}, cache.ReflectorOptions{Name: scope.String()})
		following.Go(func() { r.RunWithContext(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-found:
			if err := do(e); err != nil {
				return err
			}
		}
	}
}

// probe lists one Event.
func (l Live) probe(ctx context.Context, scope position.Scope) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := l.Client.Events(string(scope)).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return fmt.Errorf("listing Events in %s: %w", scope, err)
	}
	return nil
}

func (l Live) listWatch(scope position.Scope) cache.ListerWatcher {
	events := l.Client.Events(string(scope))
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return events.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return events.Watch(ctx, options)
		},
	}, l.Client)
}

// versionStore is a reflector's store that passes each version of an Event on, once. It
// stores only the highest resourceVersion.
type versionStore struct {
	send func(*corev1.Event)
	last string
}

// Add passes on a created Event.
func (f *versionStore) Add(obj any) error {
	f.pass(obj)
	return nil
}

// Update passes on an updated Event.
func (f *versionStore) Update(obj any) error {
	f.pass(obj)
	return nil
}

// Delete does nothing, like the gateway.
func (f *versionStore) Delete(any) error { return nil }

func (f *versionStore) Resync() error { return nil }

// Replace passes on the new versions in a list.
func (f *versionStore) Replace(list []any, resourceVersion string) error {
	slices.SortFunc(list, func(a, b any) int { return compare(versionOf(a), versionOf(b)) })
	for _, obj := range list {
		f.pass(obj)
	}
	f.reached(resourceVersion)
	return nil
}

// pass passes on an Event unless its version was passed on before.
func (f *versionStore) pass(obj any) {
	e, ok := obj.(*corev1.Event)
	if !ok || compare(e.ResourceVersion, f.last) <= 0 {
		return
	}
	e.ManagedFields = nil
	f.send(e)
	f.reached(e.ResourceVersion)
}

// reached notes a resourceVersion.
func (f *versionStore) reached(resourceVersion string) {
	if compare(resourceVersion, f.last) > 0 {
		f.last = resourceVersion
	}
}

// versionOf returns the resourceVersion of an Event.
func versionOf(obj any) string {
	if e, ok := obj.(*corev1.Event); ok {
		return e.ResourceVersion
	}
	return ""
}

// compare compares resourceVersions. The empty one is lower than all others.
func compare(a, b string) int {
	order, err := resourceversion.CompareResourceVersion(a, b)
	switch {
	case err == nil:
		return order
	case a == "" && b == "":
		return 0
	case a == "":
		return -1
	default:
		return 1
	}
}
