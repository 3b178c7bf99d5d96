package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

const (
	// writeEvery is the steady rate of the writer.
	writeEvery = 50 * time.Millisecond
	// writeTimeout is the deadline of one write. A write that failed is retried at
	// the next interval until it succeeds.
	writeTimeout = 5 * time.Second
)

// writer writes numbered Events at a steady rate, as the components of a cluster do.
// Some are accepted, some rejected, and some recur by an update that raises their
// count. Some are written through core/v1, some through events.k8s.io/v1. It connects
// to the API server directly.
type writer struct {
	tb        testing.TB
	client    kubernetes.Interface
	namespace string
	dice      *rand.Rand
	// once is whether no Event recurs, so that each has one version.
	once     bool
	stopping chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	writes  int
	last    string
	events  []*occurrence
	failure error
}

// occurrence is an Event that was written.
type occurrence struct {
	name, kind, reason string
	// modern is an Event of an events.k8s.io/v1 writer.
	modern bool
	uid    types.UID
	count  int32
	// due is whether the filters accept it, or did at a lower count.
	due bool
	// version is the resourceVersion of the last write.
	version string
}

// accepts decides as filters does.
func (o *occurrence) accepts() bool {
	return o.kind == "Pod" && o.reason != "Killing" || o.kind == "Job" && o.count >= 2
}

// newWriter returns a writer for a place.
func newWriter(p *place) *writer {
	return &writer{
		tb: p.tb, client: p.client, namespace: p.watched, dice: dice(p.fault + " writer"),
		stopping: make(chan struct{}), done: make(chan struct{}),
	}
}

// start starts the writer. It ends with the test at the latest.
func (w *writer) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.tb.Cleanup(func() {
		cancel()
		<-w.done
	})
	go w.run(ctx)
}

// run writes until ctx ends, or until stopping is closed and the outcome of every write
// is known.
func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	beat := time.NewTicker(writeEvery)
	defer beat.Stop()
	var write func(context.Context) error
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		if write == nil {
			select {
			case <-w.stopping:
				return
			default:
				write = w.next()
			}
		}
		attempt, cancel := context.WithTimeout(ctx, writeTimeout)
		err := write(attempt)
		cancel()
		w.mu.Lock()
		w.failure = err
		w.mu.Unlock()
		if err == nil {
			write = nil
		}
	}
}

// next returns the next write, which can be called again after any failure.
func (w *writer) next() func(context.Context) error {
	w.mu.Lock()
	number, known := len(w.events), len(w.events)
	w.mu.Unlock()
	if !w.once && known > 0 && w.dice.IntN(5) == 0 {
		w.mu.Lock()
		o := w.events[w.dice.IntN(known)]
		w.mu.Unlock()
		count := o.count + 1
		return func(ctx context.Context) error { return w.recur(ctx, o, count) }
	}
	o := &occurrence{name: fmt.Sprintf("n-%05d", number), kind: "Pod", reason: "BackOff", count: 1}
	switch w.dice.IntN(10) {
	case 0:
		o.kind = "Job"
	case 1:
		o.kind = "Node"
	case 2:
		o.reason = "Killing"
	case 3, 4:
		o.modern = true
	}
	return func(ctx context.Context) error { return w.create(ctx, o) }
}

// create writes a new Event, or finds that an earlier attempt has written it.
func (w *writer) create(ctx context.Context, o *occurrence) error {
	stored, err := o.create(ctx, w.client, w.namespace)
	if apierrors.IsAlreadyExists(err) {
		stored, err = w.client.CoreV1().Events(w.namespace).Get(ctx, o.name, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	o.uid = stored.GetUID()
	w.mu.Lock()
	w.events = append(w.events, o)
	w.mu.Unlock()
	w.wrote(o, stored.GetResourceVersion())
	return nil
}

// create writes the Event through the API of its generation.
func (o *occurrence) create(ctx context.Context, client kubernetes.Interface, namespace string) (metav1.Object, error) {
	now, meta := time.Now(), metav1.ObjectMeta{Namespace: namespace, Name: o.name}
	object := corev1.ObjectReference{APIVersion: "v1", Kind: o.kind, Namespace: namespace, Name: "object-of-" + o.name}
	if o.modern {
		return client.EventsV1().Events(namespace).Create(ctx, &eventsv1.Event{
			ObjectMeta: meta, EventTime: metav1.NewMicroTime(now), Regarding: object,
			Reason: o.reason, Action: "Testing", Type: corev1.EventTypeNormal, Note: "the test says so",
			ReportingController: "test/faults", ReportingInstance: "faults-0",
		}, metav1.CreateOptions{})
	}
	return client.CoreV1().Events(namespace).Create(ctx, &corev1.Event{
		ObjectMeta: meta, FirstTimestamp: metav1.NewTime(now), LastTimestamp: metav1.NewTime(now), Count: o.count, InvolvedObject: object,
		Reason: o.reason, Type: corev1.EventTypeNormal, Message: "the test says so",
		Source: corev1.EventSource{Component: "test-faults"},
	}, metav1.CreateOptions{})
}

// recur raises the count of an Event by an update.
func (w *writer) recur(ctx context.Context, o *occurrence, count int32) error {
	stored, err := o.recur(ctx, w.client, w.namespace, time.Now(), count)
	if err != nil {
		return err
	}
	o.count = count
	w.wrote(o, stored.GetResourceVersion())
	return nil
}

// recur writes the given count the way the Event's writer does.
func (o *occurrence) recur(ctx context.Context, client kubernetes.Interface, namespace string, at time.Time, count int32) (metav1.Object, error) {
	change := map[string]any{"count": count, "lastTimestamp": metav1.NewTime(at)}
	if o.modern {
		change = map[string]any{"series": eventsv1.EventSeries{Count: count, LastObservedTime: metav1.NewMicroTime(at)}}
	}
	patch, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	if o.modern {
		return client.EventsV1().Events(namespace).Patch(ctx, o.name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	return client.CoreV1().Events(namespace).Patch(ctx, o.name, types.MergePatchType, patch, metav1.PatchOptions{})
}

// wrote records a successful write of o.
func (w *writer) wrote(o *occurrence, version string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	w.last, o.version = version, version
	o.due = o.due || o.accepts()
}

// await waits until n more writes have succeeded.
func (w *writer) await(n int) {
	w.tb.Helper()
	w.mu.Lock()
	want := w.writes + n
	w.mu.Unlock()
	controlplane.Eventually(w.tb, func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.writes < want {
			return fmt.Errorf("%d writes of %d, the last of which failed with: %w", w.writes, want, w.failure)
		}
		return nil
	})
}

// stop stops the writer. A write that failed is retried until it succeeds.
func (w *writer) stop() {
	w.tb.Helper()
	close(w.stopping)
	controlplane.Eventually(w.tb, func(context.Context) error {
		select {
		case <-w.done:
			return nil
		default:
			return errNotYet
		}
	})
}

// version returns the resourceVersion of the last write.
func (w *writer) version() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// due returns the names of the Events that must be built, by UID, and the number of all
// Events. It is called after the writer has stopped.
func (w *writer) due() (accepted map[string]string, events int) {
	accepted = map[string]string{}
	for _, o := range w.events {
		if o.due {
			accepted[string(o.uid)] = o.name
		}
	}
	return accepted, len(w.events)
}
