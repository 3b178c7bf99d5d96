package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// buildLabels select build Secrets, as Brigade does.
const buildLabels = "heritage=brigade,component=build"

// ledger watches the build Secrets of a namespace all the time, so that it sees a
// Secret that was deleted and created again, which a list at the end does not show.
type ledger struct {
	tb        testing.TB
	client    kubernetes.Interface
	namespace string

	mu sync.Mutex
	// incarnations has the UIDs of each name.
	incarnations map[string]map[types.UID]struct{}
	payloads     map[string]*corev1.Event
}

// newLedger starts a watch until the test ends.
func newLedger(tb testing.TB, client kubernetes.Interface, namespace string) *ledger {
	tb.Helper()
	l := &ledger{tb: tb, client: client, namespace: namespace, incarnations: map[string]map[types.UID]struct{}{}, payloads: map[string]*corev1.Event{}}
	secrets := client.CoreV1().Secrets(namespace)
	informer := cache.NewSharedInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = buildLabels
			return secrets.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = buildLabels
			return secrets.Watch(ctx, options)
		},
	}, &corev1.Secret{}, 0)
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    l.note,
		UpdateFunc: func(_, s any) { l.note(s) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	running.Go(func() { informer.RunWithContext(ctx) })
	tb.Cleanup(func() {
		stop()
		running.Wait()
	})
	return l
}

func (l *ledger) note(obj any) {
	secret, ok := obj.(*corev1.Secret)
	if !ok {
		return
	}
	e, err := payload(secret)
	if err != nil {
		l.tb.Error(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.incarnations[secret.Name] == nil {
		l.incarnations[secret.Name] = map[types.UID]struct{}{}
	}
	l.incarnations[secret.Name][secret.UID] = struct{}{}
	l.payloads[secret.Name] = e
}

// payload returns the Event in a build Secret.
func payload(secret *corev1.Secret) (*corev1.Event, error) {
	e := &corev1.Event{}
	if err := json.Unmarshal(secret.Data["payload"], e); err != nil {
		return nil, fmt.Errorf("payload of secret %s: %w", secret.Name, err)
	}
	return e, nil
}

// seen returns the Events of the builds so far.
func (l *ledger) seen() []*corev1.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := make([]*corev1.Event, 0, len(l.payloads))
	for _, e := range l.payloads {
		events = append(events, e)
	}
	return events
}

// secrets returns the current build Secrets, after the ledger has seen all of them.
func (l *ledger) secrets() []corev1.Secret {
	l.tb.Helper()
	var secrets []corev1.Secret
	controlplane.Eventually(l.tb, func(ctx context.Context) error {
		list, err := l.client.CoreV1().Secrets(l.namespace).List(ctx, metav1.ListOptions{LabelSelector: buildLabels})
		if err != nil {
			return err
		}
		secrets = list.Items
		l.mu.Lock()
		defer l.mu.Unlock()
		for i := range secrets {
			if _, seen := l.incarnations[secrets[i].Name][secrets[i].UID]; !seen {
				return fmt.Errorf("the watch has not shown secret %s yet", secrets[i].Name)
			}
		}
		return nil
	})
	return secrets
}

// tally is the comparison of expected and created builds.
type tally struct {
	accepted, builds int
	// missing have no build, duplicates have several or one that was created twice,
	// and unasked are builds that should not exist.
	missing, duplicates, unasked []string
}

// identify returns the identity of a build: by default the Event object.
type identify func(e *corev1.Event) string

func byUID(e *corev1.Event) string { return string(e.UID) }

// compare compares the expected identities, each with a readable name, with the
// builds. Those in may are not missing if they are not built.
func (l *ledger) compare(due, may map[string]string) tally {
	l.tb.Helper()
	return l.compareBy(byUID, due, may)
}

func (l *ledger) compareBy(of identify, due, may map[string]string) tally {
	l.tb.Helper()
	secrets := l.secrets()
	t := tally{accepted: len(due), builds: len(secrets)}
	built := map[string][]string{}
	for i := range secrets {
		e, err := payload(&secrets[i])
		if err != nil {
			l.tb.Error(err)
			continue
		}
		id := of(e)
		built[id] = append(built[id], secrets[i].Name)
		if _, asked := due[id]; !asked {
			if _, allowed := may[id]; !allowed {
				t.unasked = append(t.unasked, e.Name)
			}
		}
	}
	for id, name := range due {
		if len(built[id]) == 0 {
			t.missing = append(t.missing, name)
		}
	}
	for id, names := range built {
		if len(names) > 1 {
			t.duplicates = append(t.duplicates, id+" as "+strings.Join(names, ", "))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, uids := range l.incarnations {
		if len(uids) > 1 {
			t.duplicates = append(t.duplicates, fmt.Sprintf("%s made %d times", name, len(uids)))
		}
	}
	return t
}

// err returns what is wrong, or nil.
func (t tally) err() error {
	if len(t.missing)+len(t.duplicates)+len(t.unasked) == 0 {
		return nil
	}
	slices.Sort(t.missing)
	return fmt.Errorf("%d accepted events and %d builds\n missing: %s\n duplicates: %s\n unasked: %s", t.accepted, t.builds,
		strings.Join(t.missing, " "), strings.Join(t.duplicates, "; "), strings.Join(t.unasked, " "))
}
