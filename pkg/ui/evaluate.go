package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// checkEvery is after how many Events an evaluation looks whether the client
// is still there, and lets others go first.
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

// evaluation is what an edited list does with the stored Events, and what the current
// list does with them.
type evaluation struct {
	// Runs is whether the list has no faults. If it has, the rest is empty.
	Runs   bool          `json:"runs"`
	Faults []faultReport `json:"faults"`
	// Through is the newest Event that was evaluated.
	Through int64 `json:"through"`
	// Pause is how many milliseconds the page waits before it requests another
	// evaluation because of new Events.
	Pause int64 `json:"pause"`
	// Deciders are the different verdicts. Verdicts has for each Event its ID, and
	// the indexes in Deciders of the verdicts of the edited list and of the current
	// one.
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
	// Destination is where an accepted Event is sent to. Without one Brigade builds.
	Destination string `json:"destination,omitempty"`
}

// count is what one filter did, or default, or a rule ahead of
// the filters.
type count struct {
	By     string `json:"by"`
	Action string `json:"action"`
	// Conditions are the filter's keys and values as they are in the list.
	Conditions string `json:"conditions"`
	// Line is where the filter begins; 0 if it is none.
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

// sharedFor is how long browsers with the same list get the same evaluation while
// Events arrive.
const sharedFor = time.Second

// shared is an evaluation that several browsers may get.
type shared struct {
	// list was evaluated, beside the list that decides at version, at a time.
	list    string
	version uint64
	at      time.Time
	through int64
	answer  json.RawMessage
}

// evaluate evaluates the list in a request on all stored Events. If several browsers
// have the same list open, they share one evaluation.
func (u *UI) evaluate(ctx context.Context, q request) (any, error) {
	list, _, version := u.state()
	now := u.now()
	if answer := u.sharedEvaluation(string(q.list), version, now); answer != nil {
		return answer, nil
	}
	began := time.Now()
	out, err := u.evaluateList(ctx, list, q.list)
	if err != nil {
		return nil, err
	}
	out.Pause = pauseAfter(time.Since(began), int(u.following.Load())).Milliseconds()
	answer, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("writing the evaluation: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.evaluated = shared{list: string(q.list), version: version, at: now, through: out.Through, answer: answer}
	return json.RawMessage(answer), nil
}

// sharedEvaluation returns the last evaluation if it is of the same list and of the
// same Events, or so new that the Events since then can wait, and otherwise nil.
func (u *UI) sharedEvaluation(list string, version uint64, now time.Time) json.RawMessage {
	u.mu.Lock()
	defer u.mu.Unlock()
	last := u.evaluated
	if last.list != list || last.version != version {
		return nil
	}
	if age := now.Sub(last.at); last.through != u.store.last.Load() && (age < 0 || age >= sharedFor) {
		return nil
	}
	return last.answer
}

const (
	// evaluateShare is the part of one CPU that evaluations because of new Events
	// take, of all browsers together.
	evaluateShare = 0.01
	// evaluateEvery and evaluateRarely bound the time between two of them.
	evaluateEvery  = 1500 * time.Millisecond
	evaluateRarely = time.Minute
)

// pauseAfter returns how long each of several browsers waits after an evaluation
// that took some time until the next one because of new Events.
func pauseAfter(took time.Duration, browsers int) time.Duration {
	pause := float64(took) * float64(max(browsers, 1)) / evaluateShare
	return min(max(time.Duration(pause), evaluateEvery), evaluateRarely)
}

// evaluateList evaluates an edited list and the current one.
func (u *UI) evaluateList(ctx context.Context, list List, text []byte) (*evaluation, error) {
	edited, err := config.Parse(list.Name, text)
	out := &evaluation{Runs: err == nil, Faults: reportsOf(edited, err), Deciders: []decider{}, Verdicts: []int64{}, Filters: []count{}}
	held := u.store.since(0, 0)
	out.Through = held.last
	if err != nil {
		return out, ctx.Err()
	}
	entries := held.entries
	after := newTally(u.explainer(edited).Decider)
	before := after
	if list.Config == nil || string(text) != list.Text {
		before = newTally(u.explainer(list.Config).Decider)
	}
	out.Verdicts = make([]int64, 0, 3*len(entries))
	places := map[decider]int64{}
	place := func(v filter.Verdict) int64 {
		d := deciderOf(v)
		i, ok := places[d]
		if !ok {
			i = int64(len(out.Deciders))
			places[d] = i
			out.Deciders = append(out.Deciders, d)
		}
		return i
	}
	for i, x := range entries {
		if i%checkEvery == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			runtime.Gosched() // the reading of Events comes first
		}
		is := after.add(x.event)
		was := is
		if before != after {
			was = before.add(x.event)
		}
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
	out.Filters = after.filters(edited, text)
	if l := edited.Limits; out.After.Busiest > l.BuildsPerMinute+l.Burst {
		out.Waits = true
	}
	return out, nil
}

// reportsOf returns the faults of a list, or its warnings if it has none.
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
	decider   decide.Decider
	ids       explain.Builds
	counts    map[string]*count
	builds    map[string]bool
	perMinute map[int64]int
	unnamed   int
	total     sum
}

func newTally(d decide.Decider) *tally {
	return &tally{decider: d, counts: map[string]*count{}, builds: map[string]bool{}, perMinute: map[int64]int{}}
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
func (t *tally) add(e *corev1.Event) filter.Verdict {
	v := t.decider.Decide(e)
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
	switch _, id := t.ids.Of(v, e); {
	case id == "": // repeats cannot be recognized
		t.unnamed++
	case t.builds[id]:
		return v
	default:
		t.builds[id] = true
	}
	by.Builds++
	if at := event.Occurred(e); !at.IsZero() {
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
// default and of the rules before the filters.
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
	if !t.decider.AllowBrigadeEvents {
		last(decide.ByLoop, "about Brigade's own objects, or the gateway's own")
	}
	return out
}
