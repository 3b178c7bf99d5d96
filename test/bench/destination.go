package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	ceclient "github.com/cloudevents/sdk-go/v2/client"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/cloudevents"
)

// measureDestination measures messages per second to a receiver of CloudEvents that is
// built with the SDK: of Events that exist at start, and of Events that are created as
// fast as the API server accepts them. The bare client is the SDK's own, which sends the
// same content with as many workers. It lists and watches Events with client-go. For
// comparison without a goal, it gets those that are created in memory: the API server
// then has no watch to serve, on the same CPUs.
func measureDestination(ctx context.Context, b *bench) error {
	waiting, err := b.namespace(ctx)
	if err != nil {
		return err
	}
	b.logf("  creating %d Events", b.scale.Backlog)
	if err := newLoad(b.admin, waiting, backlog).burst(ctx, b.scale.Backlog, 1, nil); err != nil {
		return err
	}
	ways := []destinationWay{
		{name: "%d Events wait at start, --workers %d", events: b.scale.Backlog, waiting: waiting},
		{name: "%d Events, --workers %d", events: b.scale.Throughput},
		{name: "%d Events, --workers %d, the bare client has them in memory", events: b.scale.Throughput, inMemory: true},
	}
	for _, way := range ways {
		for _, workers := range []int{1, 16} {
			if err := b.destination(ctx, way, workers); err != nil {
				return err
			}
		}
	}
	return nil
}

// destinationWay is a way in which Events arrive.
type destinationWay struct {
	// name is a format for the numbers of Events and workers.
	name   string
	events int
	// waiting is the namespace of the Events that exist at start, or empty if they are
	// created.
	waiting string
	// inMemory is whether the bare client gets Events without a watch.
	inMemory bool
}

// destination measures and adds one line.
func (b *bench) destination(ctx context.Context, way destinationWay, workers int) error {
	median, err := b.medianOf(
		func() (float64, error) { return b.gatewaySends(ctx, way, workers) },
		func() (float64, error) { return b.bareSends(ctx, way, workers) },
	)
	if err != nil {
		return err
	}
	const reach = 0.8
	m := measurement{
		Row: "destination", Case: fmt.Sprintf(way.name, way.events, workers), Unit: "messages/s", Size: workers,
		Gateway: &median.gateway, Bare: &median.bare,
	}
	if !way.inMemory {
		m.ToReach, m.Reached = fmt.Sprintf("ratio ≥ %g", reach), new(median.gateway >= reach*median.bare)
	}
	b.add(m)
	return nil
}

// gatewaySends returns a gateway's messages per second.
func (b *bench) gatewaySends(ctx context.Context, way destinationWay, workers int) (rate float64, err error) {
	r, fresh, err := b.receiving(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.process.Stop()) }()
	l := launch{watch: fresh, builds: fresh, receiver: r.url, limits: limitsOff, args: []string{"--workers", strconv.Itoa(workers)}}
	if way.waiting != "" {
		l.watch, l.args = way.waiting, append(l.args, "--replay-existing")
		err = b.with(l, func(*gateway) error {
			rate, err = r.rate(ctx, backlog, way.events, time.Time{})
			return err
		})
		return rate, err
	}
	err = b.with(l, func(g *gateway) error {
		if err := b.awaitWorking(ctx, g, fresh, r.seen); err != nil {
			return err
		}
		began := time.Now()
		if err := newLoad(b.admin, fresh, fresh).burst(ctx, way.events, 1, nil); err != nil {
			return err
		}
		rate, err = r.rate(ctx, fresh, way.events, began)
		return err
	})
	return rate, err
}

// bareSends returns the bare client's messages per second.
func (b *bench) bareSends(ctx context.Context, way destinationWay, workers int) (rate float64, err error) {
	r, fresh, err := b.receiving(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.process.Stop()) }()
	sender, err := newSender(r.url, workers)
	if err != nil {
		return 0, err
	}
	began, load := time.Now(), fresh
	if way.waiting != "" {
		began, load = time.Time{}, backlog
	}
	events := make(chan *corev1.Event, way.events)
	group, working := errgroup.WithContext(ctx)
	group.Go(func() error { return work(working, workers, events, sender.send) })
	group.Go(func() error {
		defer close(events)
		return b.read(working, way, fresh, func(e *corev1.Event) { events <- e })
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return r.rate(ctx, load, way.events, began)
}

// read calls each for all Events of a line, as a bare client gets them.
func (b *bench) read(ctx context.Context, way destinationWay, fresh string, each func(*corev1.Event)) error {
	if way.waiting != "" {
		return list(ctx, b.worker.Events(way.waiting), each)
	}
	load := newLoad(b.admin, fresh, fresh)
	if way.inMemory {
		return load.burst(ctx, way.events, 1, each)
	}
	group, ctx := errgroup.WithContext(ctx)
	none, err := b.worker.Events(fresh).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return fmt.Errorf("listing Events: %w", err)
	}
	group.Go(func() error { return load.burst(ctx, way.events, 1, nil) })
	group.Go(func() error {
		read := 0
		return follow(ctx, b.worker.Events(fresh), none.ResourceVersion, func(e *corev1.Event) bool {
			each(e)
			read++
			return read < way.events
		})
	})
	return group.Wait()
}

// receiving starts a receiver and creates a namespace for Events.
func (b *bench) receiving(ctx context.Context) (*receiver, string, error) {
	namespace, err := b.namespace(ctx)
	if err != nil {
		return nil, "", err
	}
	r, err := b.startReceiver(ctx)
	return r, namespace, err
}

// sender is the SDK's own client.
type sender struct {
	client ceclient.Client
	source string
}

// newSender returns a sender that keeps a connection for each worker, which the
// transport that the SDK uses by default does not.
func newSender(url string, workers int) (sender, error) {
	transport := &http.Transport{MaxIdleConns: workers, MaxIdleConnsPerHost: workers}
	c, err := ceclient.NewHTTP(cehttp.WithTarget(url), cehttp.WithRoundTripper(transport))
	if err != nil {
		return sender{}, fmt.Errorf("making a client: %w", err)
	}
	return sender{client: c, source: cloudevents.Source("kubernetes", account, account)}, nil
}

// send sends the message of one Event, with the same content as the gateway.
func (s sender) send(ctx context.Context, e *corev1.Event) error {
	bare := *e
	bare.ManagedFields = nil
	payload, err := json.Marshal(&bare)
	if err != nil {
		return fmt.Errorf("encoding an Event: %w", err)
	}
	m := cloudevent.New(cloudevent.CloudEventsVersionV1)
	m.SetID(strings.ToLower(ulid.Make().String()))
	m.SetSource(s.source)
	m.SetType(cloudevents.Type(e))
	m.SetSubject(cloudevents.Subject(e))
	m.SetTime(e.LastTimestamp.Time)
	m.SetDataContentType(cloudevent.ApplicationJSON)
	m.DataEncoded = payload
	for name, value := range map[string]any{
		"apiversion": e.InvolvedObject.APIVersion, "kind": e.InvolvedObject.Kind, "namespace": e.InvolvedObject.Namespace,
		"name": e.InvolvedObject.Name, "reason": e.Reason, "eventtype": e.Type, "component": e.Source.Component, "count": e.Count,
		"filter": "filters[0]",
	} {
		m.SetExtension(name, value)
	}
	if result := s.client.Send(ctx, m); !protocol.IsACK(result) {
		return fmt.Errorf("sending a message: %w", result)
	}
	return nil
}
