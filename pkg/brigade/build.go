// Package brigade creates Brigade 1.x builds: a build Secret for each accepted Event,
// for which Brigade's controller starts a worker.
//
// It is the end of the flow. pkg/delivery calls its Writer.
package brigade

import (
	"fmt"

	"github.com/brigadecore/brigade/pkg/brigade"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// Provider is the event provider of every build of this gateway. A brigade.js can use
// it to recognize these builds.
const Provider = "k8s-gateway"

// ProjectID returns the ID of a project that is given by name ("deis/empty-testbed") or
// by ID ("brigade-830c…"), as Brigade computes it.
func ProjectID(project string) string {
	return brigade.ProjectID(project)
}

// newBuild returns b as Brigade's own Build. Its payload is event.Payload. The error is
// that of encoding the Event.
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
