package explain

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

// summary counts verdicts and builds. It takes about a hundred bytes for each build
// and each minute with builds.
type summary struct {
	config   *config.Config
	guarded  bool
	counts   map[string]*count
	accepted int
	rejected int

	builds    map[string]bool
	unnamed   int
	perMinute map[time.Time]int
}

// count has the counts of one filter, or of a rule before the filters.
type count struct {
	events int
	builds int
	faults int
}

func newSummary(c *config.Config, allowBrigadeEvents bool) *summary {
	return &summary{
		config:    c,
		guarded:   !allowBrigadeEvents,
		counts:    map[string]*count{},
		builds:    map[string]bool{},
		perMinute: map[time.Time]int{},
	}
}

// of returns the count with the given name.
func (s *summary) of(by string) *count {
	c := s.counts[by]
	if c == nil {
		c = &count{}
		s.counts[by] = c
	}
	return c
}

// add counts one explanation.
func (s *summary) add(x Explanation) {
	by := s.of(x.Verdict.By)
	by.events++
	for _, fault := range x.Verdict.Faults {
		s.of(fault.By).faults++
	}
	if x.Verdict.Action != filter.Accept {
		s.rejected++
		return
	}
	s.accepted++
	switch {
	case x.BuildID == "":
		s.unnamed++ // repeats cannot be recognized
	case s.builds[x.BuildID]:
		return
	default:
		s.builds[x.BuildID] = true
	}
	by.builds++
	if at := event.Occurred(x.Event); !at.IsZero() {
		s.perMinute[at.UTC().Truncate(time.Minute)]++
	}
}

func (s *summary) print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %d accepted, %d rejected\n\n", printable.Count(s.accepted+s.rejected, "Event"), s.accepted, s.rejected)
	s.table(&b)
	fmt.Fprintf(&b, "\n%s\n", s.pace())
	_, err := io.WriteString(out, b.String())
	return err
}

// table prints a row for each filter, for the default and for the rules before
// the filters.
func (s *summary) table(b *strings.Builder) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(table, strings.Join(cells, "\t")) }
	row("FILTER", "ACTION", "EVENTS", "BUILDS", "CONDITIONS")
	names := s.config.Filters.Names()
	for i, rule := range s.config.Filters.Rules() {
		c := s.of(names[i])
		builds := "-"
		if rule.Action == filter.Accept {
			builds = strconv.Itoa(c.builds)
		}
		row(names[i], rule.Action.String(), strconv.Itoa(c.events), builds, s.describe(rule)+c.remark(rule.Action))
	}
	row(filter.Default, filter.Reject.String(), strconv.Itoa(s.of(filter.Default).events), "-", "no filter matched")
	row(decide.ByNamespace, filter.Reject.String(), strconv.Itoa(s.of(decide.ByNamespace).events), "-", "about an object of another namespace")
	if s.guarded {
		row(decide.ByLoop, filter.Reject.String(), strconv.Itoa(s.of(decide.ByLoop).events), "-", "about Brigade's own objects, or the gateway's own")
	}
	_ = table.Flush() // a strings.Builder takes everything
}

// remark returns what may be wrong with a filter with the given action.
func (c count) remark(action filter.Action) string {
	switch {
	case c.faults > 0:
		return fmt.Sprintf("  <- expression failed on %s: %s", printable.Count(c.faults, "Event"), filter.Fault{Action: action}.Outcome())
	case c.events == 0:
		return "  <- never matched"
	default:
		return ""
	}
}

// pace returns the number of builds, and the minute that has most.
func (s *summary) pace() string {
	total := len(s.builds) + s.unnamed
	if total == 0 {
		return "Builds: none"
	}
	var busiest time.Time
	for minute, n := range s.perMinute {
		if most := s.perMinute[busiest]; n > most || n == most && minute.Before(busiest) {
			busiest = minute
		}
	}
	most := s.perMinute[busiest]
	text := fmt.Sprintf("Builds: %d", total)
	if most > 0 {
		text += fmt.Sprintf(", %d of them in the busiest minute, %s", most, busiest.Format("2006-01-02 15:04 MST"))
	}
	if l := s.config.Limits; most > l.BuildsPerMinute+l.Burst {
		text += fmt.Sprintf("\nlimits.buildsPerMinute %d and limits.burst %d would have made some of these wait", l.BuildsPerMinute, l.Burst)
	}
	return text
}

// maxShown is the number of characters of an expression that a row shows.
const maxShown = 60

// describe returns the conditions of a rule as in the filter file, on one line.
func (s *summary) describe(r filter.Rule) string {
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+": "+value)
		}
	}
	describe := func(c filter.Except) {
		add("namespace", choice(c.Namespace))
		add("kind", choice(c.Kind))
		add("scope", string(c.Scope))
		add("name", choice(c.Name))
		if len(c.Reasons) > 0 {
			add("reasons", "["+strings.Join(c.Reasons, ", ")+"]")
		}
		add("type", choice(c.Type))
		add("component", choice(c.Component))
		if expression := []rune(strings.Join(strings.Fields(c.Expression), " ")); len(expression) > maxShown {
			add("expression", string(expression[:maxShown-1])+"…")
		} else {
			add("expression", string(expression))
		}
	}
	describe(r.Conditions())
	if r.Except != nil {
		own := len(parts)
		describe(*r.Except)
		except := strings.Join(parts[own:], ", ")
		parts = append(parts[:own], "except: {"+except+"}")
	}
	if len(parts) == 0 {
		parts = append(parts, "every Event")
	}
	add("destination", r.Destination)
	if r.Destination == "" && r.Project != s.config.Project {
		add("project", r.Project)
	}
	if r.Action == filter.Accept && r.Destination == "" && r.CommitRef != s.config.CommitRef {
		add("commitRef", r.CommitRef)
	}
	add("logLevel", string(r.LogLevel))
	add("oncePer", r.OncePer.String())
	add("groupBy", r.OncePer.GroupBy.String())
	return printable.Text(strings.Join(parts, ", "))
}

// choice returns globs as in a filter file.
func choice(globs []string) string {
	if len(globs) == 1 {
		return globs[0]
	}
	if len(globs) == 0 {
		return ""
	}
	return "[" + strings.Join(globs, ", ") + "]"
}
