package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
)

// plannedConfig is one state of the filter file.
type plannedConfig struct {
	text   string
	parsed *config.Config
	// from is when the first process may have used it, and used when every process
	// did. It may decide until every process uses the next one.
	from time.Time
	used time.Time
}

// brigadeName is the destination of builds.
const brigadeName = config.Brigade

// asked is the verdict of a filter list on a version: the name of the build Secret, or
// the receiver and id of the message, and its flow, or empty if it is rejected.
type asked struct {
	destination string
	name        string
	flow        string
}

// of returns the verdict on a version.
func (c *plannedConfig) of(v *eventVersion) *asked {
	if a, known := v.cache[c]; known {
		return a
	}
	a := &asked{}
	verdict := decide.Decider{Filters: c.parsed.Filters}.Decide(v.event)
	switch {
	case verdict.Action != filter.Accept:
	case verdict.Destination != "":
		a.destination = verdict.Destination
		a.name = verdict.Destination + "/" + identity.Of(identity.TargetOf(verdict.Destination, ""), v.event, verdict.OncePer)
		a.flow = verdict.Destination + " " + v.event.Namespace
	default:
		project := brigade.ProjectID(verdict.Project)
		a.destination = brigadeName
		a.name = brigade.SecretName(identity.Of(identity.TargetOf("", project), v.event, verdict.OncePer))
		a.flow = project + " " + v.event.Namespace
	}
	v.cache[c] = a
	return a
}

// shape has the parts of a filter file.
type shape struct {
	filters []string
	// perMinute, burst, active and queued are its limits.
	perMinute, burst, active, queued int
	comments                         int
	// own draws what concerns destinations, so that all else is drawn as without
	// them. destinations are those of the file, and structured is their mode.
	own          *rand.Rand
	destinations []string
	structured   bool
}

// newShape draws a filter file.
func newShape(r, own *rand.Rand, destinations []string) shape {
	s := shape{own: own, destinations: destinations}
	s.relimit(r)
	s.refilter(r)
	return s
}

// relimit draws other limits.
func (s *shape) relimit(r *rand.Rand) {
	s.perMinute = pick(r, 10, 20, 30, 60, 120)
	s.burst = pick(r, 1, 2, 3, 5)
	s.active = pick(r, 0, 0, 0, 2, 4, 8)
	s.queued = pick(r, 4, 20, 100, 100)
}

// refilter draws another filter list.
func (s *shape) refilter(r *rand.Rand) {
	s.filters = nil
	if r.IntN(3) == 0 {
		s.filters = append(s.filters, "kind: Node, action: reject")
	}
	once := []string{"", "", ", oncePer: occurrence", ", oncePer: occurrence", ", oncePer: 10m"}
	for _, reason := range []string{"BackOff", "Failed", "Evicted"} {
		if r.IntN(3) > 0 {
			s.filters = append(s.filters, fmt.Sprintf("reasons: [%s], action: accept%s%s", reason, project(r), once[r.IntN(len(once))]))
		}
	}
	if r.IntN(2) == 0 {
		s.filters = append(s.filters, fmt.Sprintf("namespace: %s, type: Warning, action: accept%s%s", namespaces[r.IntN(len(namespaces))], project(r), once[r.IntN(len(once))]))
	}
	if len(s.filters) == 0 || r.IntN(4) == 0 {
		s.filters = append(s.filters, "type: Warning, action: accept"+once[r.IntN(len(once))])
	}
	s.route()
}

// route draws which filters send to a destination: half of them, or all.
func (s *shape) route() {
	if len(s.destinations) == 0 {
		return
	}
	all := s.own.IntN(4) == 0
	for i, f := range s.filters {
		if strings.Contains(f, "action: accept") && (all || s.own.IntN(2) == 0) {
			s.filters[i] = projects.Replace(f) + ", destination: " + pick(s.own, s.destinations...)
		}
	}
}

// rearrange draws other destinations: one is removed, one is added, or all are
// sent to in another mode.
func (s *shape) rearrange() {
	switch s.own.IntN(3) {
	case 0:
		s.structured = !s.structured
	case 1:
		s.destinations = destinationNames[:1+s.own.IntN(len(destinationNames))]
	default:
		s.destinations = nil
	}
	for i, f := range s.filters {
		if _, name, routed := strings.Cut(f, ", destination: "); routed && !slices.Contains(s.destinations, name) {
			s.filters[i] = strings.TrimSuffix(f, ", destination: "+name)
		}
	}
}

// projects takes the project out of a filter.
var projects = strings.NewReplacer(", project: acme/web", "", ", project: acme/jobs", "") //nolint:gochecknoglobals // a constant

func project(r *rand.Rand) string {
	return pick(r, "", "", ", project: acme/web", ", project: acme/jobs")
}

// planned returns the file, parsed by the gateway's own parser.
func (s *shape) planned() *plannedConfig {
	var text strings.Builder
	if slices.ContainsFunc(s.filters, func(f string) bool { return strings.Contains(f, "accept") && !strings.Contains(f, "destination") }) {
		text.WriteString("project: acme/all\n")
	}
	if len(s.destinations) > 0 {
		text.WriteString("destinations:\n")
	}
	mode := "binary"
	if s.structured {
		mode = "structured"
	}
	for _, name := range s.destinations {
		fmt.Fprintf(&text, "- {name: %s, cloudEvents: {url: 'http://%s.example.com/', mode: %s}}\n", name, name, mode)
	}
	text.WriteString("filters:\n")
	for _, f := range s.filters {
		fmt.Fprintf(&text, "- {%s}\n", f)
	}
	fmt.Fprintf(&text, "limits: {buildsPerMinute: %d, burst: %d, activeBuilds: %d, queued: %d}\n", s.perMinute, s.burst, s.active, s.queued)
	for i := range s.comments {
		fmt.Fprintf(&text, "# comment %d\n", i+1)
	}
	parsed, err := config.Parse("filters.yaml", []byte(text.String()))
	if err != nil {
		panic("simulation: a filter file that was drawn is wrong: " + err.Error())
	}
	return &plannedConfig{text: text.String(), parsed: parsed}
}

// pick draws one of several.
func pick[T any](r *rand.Rand, choices ...T) T {
	return choices[r.IntN(len(choices))]
}

func (c *plannedConfig) has(destination string) bool {
	return slices.ContainsFunc(c.parsed.Destinations, func(d config.Destination) bool { return d.Name == destination })
}
