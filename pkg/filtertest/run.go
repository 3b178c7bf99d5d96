package filtertest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// Report is the result of running one test file.
type Report struct {
	// File is the path of the test file.
	File string
	// Results are those of the cases that ran, in order.
	Results []Result
	// Coverage shows which filters the cases that ran were decided by.
	Coverage Coverage
}

// Failed returns the number of failed cases.
func (r *Report) Failed() int {
	failed := 0
	for i := range r.Results {
		if len(r.Results[i].Differences) > 0 {
			failed++
		}
	}
	return failed
}

// Result is the result of one case.
type Result struct {
	// Name is the name of the case, and Line the line on which it begins.
	Name string
	Line int
	// Differences is empty if the case passed.
	Differences []Difference
	// About is the Event that Why is about: the first that differs from what is
	// expected.
	About string
	// Why is the trace of its verdict.
	Why []filter.Step
}

// Difference is an expectation that was not met.
type Difference struct {
	// What is the key of the expectation.
	What string
	// Want is the expected value, and Got the actual one.
	Want, Got string
}

// Coverage is which filters decided.
type Coverage struct {
	// Filters is the number of filters in the list.
	Filters int
	// Missing are the names of those that decided nothing.
	Missing []string
}

// Run runs the cases of a file whose names are selected.
func Run(f *File, c *config.Config, selected func(name string) bool) Report {
	x := explain.Explainer{Decider: decide.Decider{Filters: c.Filters, AllowBrigadeEvents: f.AllowBrigadeEvents}}
	report := Report{File: f.Path}
	decided := map[string]bool{}
	for i := range f.Cases {
		if test := &f.Cases[i]; selected(test.Name) {
			report.Results = append(report.Results, test.run(x, decided))
		}
	}
	report.Coverage.Filters = c.Filters.Len()
	for _, by := range c.Filters.Names() {
		if !decided[by] {
			report.Coverage.Missing = append(report.Coverage.Missing, by)
		}
	}
	return report
}

// run runs one case, and adds to decided what decided.
func (c *Case) run(x explain.Explainer, decided map[string]bool) Result {
	r := Result{Name: c.Name, Line: c.Line}
	var t tally
	var wrong []*corev1.Event
	for _, e := range c.Events {
		explanation := x.Explain(e)
		decided[explanation.Verdict.By] = true
		t.add(&explanation)
		differences := c.Want.differences(&explanation)
		if len(differences) > 0 {
			wrong = append(wrong, e)
		}
		if len(wrong) == 1 && len(differences) > 0 {
			r.Differences = differences
		}
	}
	r.Differences = append(r.Differences, c.Want.differencesOf(&t)...)
	if len(r.Differences) == 0 {
		return r
	}
	about := wrong
	if len(about) == 0 {
		about = c.Events
	}
	if len(about) > 0 {
		e := about[0]
		r.About = fmt.Sprintf("%s, %s", event.Object(e), e.Reason)
		if len(wrong) > 1 {
			r.About += fmt.Sprintf(" (the first of %d Events that differ)", len(wrong))
		} else if len(wrong) == 0 && len(c.Events) > 1 {
			r.About += fmt.Sprintf(" (the first of %d Events)", len(c.Events))
		}
		r.Why = x.Decider.Trace(e)
	}
	return r
}

// tally counts the verdicts and builds of the Events of a case.
type tally struct {
	accepted, rejected int
	builds             map[string]bool
	decided            map[string]int
}

func (t *tally) add(x *explain.Explanation) {
	if t.decided == nil {
		t.builds, t.decided = map[string]bool{}, map[string]int{}
	}
	t.decided[x.Verdict.By]++
	if x.Verdict.Action != filter.Accept {
		t.rejected++
		return
	}
	t.accepted++
	t.builds[x.BuildID] = true
}

// differences compares one Event with what is expected of each.
func (e *Expectation) differences(x *explain.Explanation) []Difference {
	var out []Difference
	compare := func(what, want, got string) {
		if want != "" && want != got {
			if got == "" {
				got = "not set"
			}
			out = append(out, Difference{What: what, Want: want, Got: got})
		}
	}
	compare("verdict", e.Verdict, x.Verdict.Action.String())
	compare("by", e.By, x.Verdict.By)
	if e.Project != "" && (x.Verdict.Action != filter.Accept || brigade.ProjectID(e.Project) != x.ProjectID) {
		got := x.Verdict.Project
		if x.Verdict.Action != filter.Accept {
			got = "none, the Event is rejected"
		}
		compare("project", e.Project, got)
	}
	if e.Destination != "" {
		got := cmp.Or(x.Verdict.Destination, config.Brigade)
		if x.Verdict.Action != filter.Accept {
			got = "none, the Event is rejected"
		}
		compare("destination", e.Destination, got)
	}
	compare("eventType", e.EventType, brigade.EventType(x.Event))
	compare("commitRef", e.CommitRef, x.Verdict.CommitRef)
	compare("logLevel", e.LogLevel, string(x.Verdict.LogLevel))
	return out
}

// differencesOf compares the counts of all Events of a case.
func (e *Expectation) differencesOf(t *tally) []Difference {
	var out []Difference
	compare := func(what string, want *int, got int) {
		if want != nil && *want != got {
			out = append(out, Difference{What: what, Want: strconv.Itoa(*want), Got: strconv.Itoa(got)})
		}
	}
	compare("accepted", e.Accepted, t.accepted)
	compare("rejected", e.Rejected, t.rejected)
	compare("builds", e.Builds, len(t.builds))
	if e.Decided == nil {
		return out
	}
	all := maps.Clone(e.Decided)
	maps.Copy(all, t.decided)
	for _, by := range slices.Sorted(maps.Keys(all)) {
		want := e.Decided[by]
		compare("decided."+by, &want, t.decided[by])
	}
	return out
}
