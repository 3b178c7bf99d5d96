package ui

import (
	"context"
	"errors"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// checkEvery is after how many Events an evaluation looks whether the client
// is still there.
const checkEvery = 64

// faultReport is a fault or a warning of a list.
type faultReport struct {
	Severity string `json:"severity"`
	// Line and Column count from 1, the column in characters.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// evaluation is what an edited list does with the Events that are held, and
// what the list that decides now does with them.
type evaluation struct {
	// Runs is whether the list has no faults. The rest is empty where it has.
	Runs   bool          `json:"runs"`
	Faults []faultReport `json:"faults"`
	// Deciders are the different verdicts; Verdicts names one of them by its
	// place, for each Event: its ID, the verdict of the edited list, and that
	// of the list that decides now.
	Deciders []decider `json:"deciders"`
	Verdicts []int64   `json:"verdicts"`
	Filters  []count   `json:"filters"`
	Before   sum       `json:"before"`
	After    sum       `json:"after"`
	// Gained and Lost are how many Events only one of the lists accepts.
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// Waits is whether limits would make some builds of the busiest minute wait.
	Waits bool `json:"waits"`
}

// decider is a verdict without the Event it is about.
type decider struct {
	Verdict string `json:"verdict"`
	By      string `json:"by"`
	Project string `json:"project,omitempty"`
}

// count is what one filter did, or default, or a rule ahead of
// the filters.
type count struct {
	By     string `json:"by"`
	Action string `json:"action"`
	// Conditions are the filter's keys and values as they are in the list.
	Conditions string `json:"conditions"`
	// Line is where the filter begins; 0 where it is none.
	Line   int `json:"line,omitempty"`
	Events int `json:"events"`
	Builds int `json:"builds"`
	Faults int `json:"faults,omitempty"`
}

// sum is what a whole list did.
type sum struct {
	Events   int `json:"events"`
	Accepted int `json:"accepted"`
	Builds   int `json:"builds"`
	// Busiest is how many builds the minute with most of them has, which begins
	// at BusiestAt, in milliseconds since the Unix epoch.
	Busiest   int   `json:"busiest"`
	BusiestAt int64 `json:"busiestAt,omitempty"`
}

// evaluate evaluates the list in a request against all Events held.
func (u *UI) evaluate(ctx context.Context, q request) (any, error) {
	list, _, _ := u.state()
	edited, err := config.Parse(list.Name, q.list)
	out := &evaluation{Runs: err == nil, Faults: reportsOf(edited, err), Deciders: []decider{}, Verdicts: []int64{}, Filters: []count{}}
	if err != nil {
		return out, ctx.Err()
	}
	entries := u.store.since(0, 0).entries
	before, after := newTally(u.explainer(list.Config)), newTally(u.explainer(edited))
	out.Verdicts = make([]int64, 0, 3*len(entries))
	places := map[decider]int64{}
	place := func(v filter.Verdict) int64 {
		d := decider{Verdict: v.Action.String(), By: v.By, Project: v.Project}
		i, ok := places[d]
		if !ok {
			i = int64(len(out.Deciders))
			places[d] = i
			out.Deciders = append(out.Deciders, d)
		}
		return i
	}
	for i, x := range entries {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		was, is := before.add(x), after.add(x)
		out.Verdicts = append(out.Verdicts, x.id, place(is), place(was))
		if is.Action != was.Action {
			if is.Action == filter.Accept {
				out.Gained++
			} else {
				out.Lost++
			}
		}
	}
	out.Before, out.After = before.sum(), after.sum()
	out.Filters = after.filters(edited, q.list)
	if l := edited.Limits; out.After.Busiest > l.BuildsPerMinute+l.Burst {
		out.Waits = true
	}
	return out, nil
}

// reportsOf returns the faults of a list, or its warnings where it has none.
func reportsOf(c *config.Config, err error) []faultReport {
	var faults []config.Fault
	if report := (*config.Error)(nil); errors.As(err, &report) {
		faults = report.Faults
	}
	if c != nil {
		faults = c.Warnings
	}
	out := make([]faultReport, 0, min(len(faults), maxReports))
	for _, f := range faults[:min(len(faults), maxReports)] {
		out = append(out, faultReport{Severity: f.Severity.String(), Line: f.Line, Column: f.Column, Path: f.Path, Message: f.Message})
	}
	return out
}

// maxReports is how many faults are reported; a list with more has one cause
// that the first ones show.
const maxReports = 100

// tally counts what one list does.
type tally struct {
	explainer explain.Explainer
	counts    map[string]*count
	builds    map[string]bool
	perMinute map[int64]int
	unnamed   int
	total     sum
}

func newTally(x explain.Explainer) *tally {
	return &tally{explainer: x, counts: map[string]*count{}, builds: map[string]bool{}, perMinute: map[int64]int{}}
}

// of returns the count of what decided.
func (t *tally) of(by string) *count {
	c := t.counts[by]
	if c == nil {
		c = &count{By: by}
		t.counts[by] = c
	}
	return c
}

// add counts one Event and returns the verdict on it. Events that share a
// build count as one.
func (t *tally) add(x *entry) filter.Verdict {
	explained := t.explainer.Explain(x.event)
	v := explained.Verdict
	t.total.Events++
	by := t.of(v.By)
	by.Events++
	for _, fault := range v.Faults {
		t.of(fault.By).Faults++
	}
	if v.Action != filter.Accept {
		return v
	}
	t.total.Accepted++
	switch {
	case explained.BuildID == "": // nothing to tell repeats by
		t.unnamed++
	case t.builds[explained.BuildID]:
		return v
	default:
		t.builds[explained.BuildID] = true
	}
	by.Builds++
	if at := event.Occurred(x.event); !at.IsZero() {
		t.perMinute[at.Truncate(time.Minute).UnixMilli()]++
	}
	return v
}

func (t *tally) sum() sum {
	out := t.total
	out.Builds = len(t.builds) + t.unnamed
	for at, n := range t.perMinute {
		if n > out.Busiest || n == out.Busiest && at < out.BusiestAt {
			out.Busiest, out.BusiestAt = n, at
		}
	}
	return out
}

// filters returns the count of each filter in the order of the list, then of
// default and of the rules ahead of the filters.
func (t *tally) filters(c *config.Config, text []byte) []count {
	doc := readDocument(text)
	var out []count
	names := c.Filters.Names()
	for i, rule := range c.Filters.Rules() {
		n := *t.of(names[i])
		n.Action = rule.Action.String()
		if f := doc.filter(i); f != nil {
			n.Conditions, n.Line = conditionsOf(f), f.Line
		}
		out = append(out, n)
	}
	last := func(by, conditions string) {
		n := *t.of(by)
		n.Action, n.Conditions = filter.Reject.String(), conditions
		out = append(out, n)
	}
	last(filter.Default, "no filter matched")
	last(decide.ByNamespace, "about an object of another namespace")
	if !t.explainer.Decider.AllowBrigadeEvents {
		last(decide.ByLoop, "about Brigade's own objects, or the gateway's own")
	}
	return out
}
