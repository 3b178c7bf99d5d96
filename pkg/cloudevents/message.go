package cloudevents

import (
	"fmt"

	cloudevent "github.com/cloudevents/sdk-go/v2/event"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// TypePrefix begins the type of every message: sh.brigade.k8s.<kind>.<reason>.
const TypePrefix = "sh.brigade.k8s"

// newMessage returns b as a CloudEvent 1.0. Its data is the Event as JSON. The
// error says that the Event cannot be encoded.
func newMessage(b delivery.Build, source string) (*cloudevent.Event, error) {
	payload, err := event.Payload(b.Event)
	if err != nil {
		return nil, fmt.Errorf("encoding event %s: %w", event.Key(b.Event), err)
	}
	m := cloudevent.New(cloudevent.CloudEventsVersionV1)
	m.SetID(b.ID)
	m.SetSource(source)
	m.SetType(Type(b.Event))
	m.SetSubject(Subject(b.Event))
	if at := event.Occurred(b.Event); !at.IsZero() {
		m.SetTime(at)
	}
	m.SetDataContentType(cloudevent.ApplicationJSON)
	m.DataEncoded = payload // SetData would encode it again, as base64
	for name, value := range extensions(b) {
		m.SetExtension(name, value)
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("encoding event %s: %w", event.Key(b.Event), err)
	}
	return &m, nil
}
