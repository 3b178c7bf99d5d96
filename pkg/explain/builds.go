package explain

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
)

// Builds computes the IDs of builds. It caches the IDs of projects, because computing
// one takes longer than a verdict. The zero value is ready to use. It is not safe for
// concurrent use.
type Builds struct {
	projectIDs map[string]string
}

// Of returns the IDs of project and build of an Event with a verdict that accepts
// it. The build ID is empty if it depends on the Event's UID and there is none,
// because the Event was never stored. The project ID is empty for a destination.
func (b *Builds) Of(v filter.Verdict, e *corev1.Event) (projectID, buildID string) {
	if v.Destination == "" {
		projectID = b.projectID(v.Project)
	}
	if e.UID == "" && v.OncePer.Window == 0 {
		return projectID, ""
	}
	return projectID, identity.Of(identity.TargetOf(v.Destination, projectID), e, v.OncePer)
}

func (b *Builds) projectID(project string) string {
	id, ok := b.projectIDs[project]
	if !ok {
		id = brigade.ProjectID(project)
		if b.projectIDs == nil {
			b.projectIDs = map[string]string{}
		}
		b.projectIDs[project] = id
	}
	return id
}
