// Package brigade turns an accepted Event into a Brigade 1.x build and writes
// its build Secret, which is what makes Brigade's controller start a worker.
//
// It is the far end of the flow and, beside the reading of Events, the only
// place that knows what the API server is asked for.
package brigade

import (
	"fmt"

	"github.com/brigadecore/brigade/pkg/brigade"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// Provider is the event provider every build of this gateway names. A
// brigade.js may tell by it where a build came from.
const Provider = "k8s-gateway"

// ProjectID returns the ID of the project a user named, by name
// ("deis/empty-testbed") or by ID ("brigade-830c…"), as Brigade computes it.
func ProjectID(project string) string {
	return brigade.ProjectID(project)
}

// newBuild returns b as Brigade's own build. Its
// payload is the Event as compact JSON, without managedFields, which only the
// API server has a use for. The error says that the Event cannot be written
// as JSON.
func newBuild(b delivery.Build) (*brigade.Build, error) {
	payload, err := event.Payload(b.Event)
	if err != nil {
		return nil, fmt.Errorf("encoding event %s: %w", event.Key(b.Event), err)
	}
	return &brigade.Build{
		ID:         b.ID,
		ProjectID:  b.ProjectID,
		Type:       EventType(b.Event),
		Provider:   Provider,
		ShortTitle: shortTitle(b.Event, b.Group),
		LongTitle:  longTitle(b.Event, b.Group),
		Revision:   &brigade.Revision{Ref: b.CommitRef},
		LogLevel:   b.LogLevel,
		Payload:    payload,
	}, nil
}
