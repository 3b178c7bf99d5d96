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

	"github.com/brigadecore/brigade-k8s-gateway/pkg/cloudevents"
)

// measureDestination measures messages per second to a receiver of CloudEvents that is
// built with the SDK: of Events that are created as fast as the API server accepts them,
// and of Events that exist at start. The bare client is the SDK's own, which sends the
// same content with as many workers.
func measureDestination(ctx context.Context, b *bench) error {
	for _, workers := range []int{1, 16} {
		name := fmt.Sprintf("%d Events, --workers %d", b.scale.Throughput, workers)
		if err := b.destination(ctx, destinationLine{name: name, size: workers, events: b.scale.Throughput, workers: workers}); err != nil {
			return err
		}
	}
	waiting, err := b.namespace(ctx)
	if err != nil {
		return err
	}
	n := b.scale.Backlog
	b.logf("  creating %d Events", n)
	if err := newLoad(b.admin, waiting, backlog).burst(ctx, n, 1, nil); err != nil {
		return err
	}
	for _, workers := range []int{1, 16} {
		name := fmt.Sprintf("%d Events wait at start, --workers %d", n, workers)
		if err := b.destination(ctx, destinationLine{name: name, size: workers, events: n, workers: workers, waiting: waiting}); err != nil {
			return err
		}
	}
	return nil
}

// destinationLine is one line of messages per second.
type destinationLine struct {
	name                  string
	size, events, workers int
	// waiting is the namespace of the Events that exist at start, or empty if they are
	// created.
	waiting string
}

// destination measures and adds one line.
func (b *bench) destination(ctx context.Context, line destinationLine) error {
	median, err := b.medianOf(
		func() (float64, error) { return b.gatewaySends(ctx, line) },
		func() (float64, error) { return b.bareSends(ctx, line) },
	)
	if err != nil {
		return err
	}
	const reach = 0.8
	b.add(measurement{
		Row: "destination", Case: line.name, Unit: "messages/s", Size: line.size, Gateway: &median.gateway, Bare: &median.bare,
		ToReach: fmt.Sprintf("ratio ≥ %g", reach), Reached: new(median.gateway >= reach*median.bare),
	})
	return nil
}

// gatewaySends returns a gateway's messages per second.
func (b *bench) gatewaySends(ctx context.Context, line destinationLine) (rate float64, err error) {
	r, err := b.startReceiver(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.process.Stop()) }()
	fresh, err := b.namespace(ctx)
	if err != nil {
		return 0, err
	}
	l := launch{watch: fresh, builds: fresh, receiver: r.url, limits: limitsOff, args: []string{"--workers", strconv.Itoa(line.workers)}}
	if line.waiting != "" {
		l.watch, l.args = line.waiting, append(l.args, "--replay-existing")
		err = b.with(l, func(*gateway) error {
			rate, err = r.rate(ctx, backlog, line.events, time.Time{})
			return err
		})
		return rate, err
	}
	err = b.with(l, func(g *gateway) error {
		if err := b.awaitWorking(ctx, g, fresh, r.seen); err != nil {
			return err
		}
		began := time.Now()
		if err := newLoad(b.admin, fresh, fresh).burst(ctx, line.events, 1, nil); err != nil {
			return err
		}
		rate, err = r.rate(ctx, fresh, line.events, began)
		return err
	})
	return rate, err
}

// bareSends returns the bare client's messages per second. It gets Events in memory as
// soon as they are created, or lists those that exist in pages.
func (b *bench) bareSends(ctx context.Context, line destinationLine) (rate float64, err error) {
	r, err := b.startReceiver(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.process.Stop()) }()
	fresh, err := b.namespace(ctx)
	if err != nil {
		return 0, err
	}
	sender, err := newSender(r.url, line.workers)
	if err != nil {
		return 0, err
	}
	events := make(chan *corev1.Event, line.events)
	began, load := time.Now(), fresh
	group, working := errgroup.WithContext(ctx)
	group.Go(func() error { return work(working, line.workers, events, sender.send) })
	group.Go(func() error {
		defer close(events)
		if line.waiting != "" {
			return list(working, b.worker.Events(line.waiting), func(e *corev1.Event) { events <- e })
		}
		return newLoad(b.admin, fresh, fresh).burst(working, line.events, 1, func(e *corev1.Event) { events <- e })
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	if line.waiting != "" {
		load, began = backlog, time.Time{}
	}
	return r.rate(ctx, load, line.events, began)
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
