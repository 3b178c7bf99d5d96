package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
)

func TestEvaluateHoldsAnEditAgainstTheListThatDecides(t *testing.T) {
	u := newTestUI(t)
	see(u,
		newEvent(0, "pequod", "web-0", "BackOff"),
		newEvent(1, "pequod", "web-0", "Killing"),
		newEvent(2, "ahab", "web-1", "BackOff"),
		newEvent(3, "ahab", "web-1", "BackOff"),
		newEvent(70, "brigade", "brigade-worker-01m87ygwzg0s63ye90nvmbky3a", "Started"),
	)
	got := postFor[evaluation](t, u, "/api/evaluate", `project: deis/empty-testbed
filters:
  - namespace: ahab
    action: accept
    oncePer: 1h
  - kind: Node
    action: accept
`)
	want := evaluation{
		Runs:    true,
		Faults:  got.Faults, // what check warns about is not this test's matter
		Through: 5,
		Pause:   1500,
		Deciders: []decider{
			{Verdict: "reject", By: "default"},
			{Verdict: "accept", By: "filters[1]", Project: "deis/empty-testbed"},
			{Verdict: "reject", By: "filters[0]"},
			{Verdict: "accept", By: "filters[0]", Project: "deis/empty-testbed"},
			{Verdict: "reject", By: "guard"},
		},
		Verdicts: []int64{1, 0, 1, 2, 0, 2, 3, 3, 0, 4, 3, 0, 5, 4, 4},
		Filters: []count{
			{By: "filters[0]", Action: "accept", Conditions: "namespace: ahab, oncePer: 1h", Line: 3, Events: 2, Builds: 1},
			{By: "filters[1]", Action: "accept", Conditions: "kind: Node", Line: 6},
			{By: "default", Action: "reject", Conditions: "no filter matched", Events: 2},
			{By: "namespace", Action: "reject", Conditions: "about an object of another namespace"},
			{By: "guard", Action: "reject", Conditions: "about Brigade's own objects, or the gateway's own", Events: 1},
		},
		Before: sum{Events: 5, Accepted: 1, Builds: 1, Busiest: 1, BusiestAt: noon.UnixMilli()},
		After:  sum{Events: 5, Accepted: 2, Builds: 1, Busiest: 1, BusiestAt: noon.UnixMilli()},
		Gained: 2,
		Lost:   1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("evaluation (-want +got):\n%s", diff)
	}
}

func TestEvaluateReportsFaultsAtTheirLines(t *testing.T) {
	u := newTestUI(t)
	see(u, newEvent(0, "pequod", "web-0", "BackOff"))
	got := postFor[evaluation](t, u, "/api/evaluate", "project: deis/empty-testbed\nfilters:\n  - action: acept\n")
	if got.Runs || len(got.Faults) != 1 || got.Faults[0].Line != 3 || got.Faults[0].Column != 13 || got.Faults[0].Path != "filters[0].action" || got.Faults[0].Severity != "error" {
		t.Errorf("%+v", got)
	}
	got = postFor[evaluation](t, u, "/api/evaluate", "project: deis/empty-testbed\nfilters: []\n")
	if !got.Runs || len(got.Faults) != 1 || got.Faults[0].Severity != "warning" || got.After.Accepted != 0 || got.Lost != 1 {
		t.Errorf("%+v", got)
	}
}

// The page and the command line decide with the same code, so they show the same
// verdicts.
func TestEvaluateAgreesWithExplain(t *testing.T) {
	u := newTestUI(t)
	var events []*corev1.Event
	for i := range 300 {
		e := newEvent(i, []string{"pequod", "ahab", "kube-system"}[i%3], fmt.Sprintf("web-%d", i%7), []string{"BackOff", "Killing", "Started", "Failed"}[i%4])
		events = append(events, e)
	}
	see(u, events...)
	list := "project: a/b\nfilters:\n  - {reasons: [Kill*], action: reject}\n  - {expression: 'count > 0 && event.involvedObject.name == \"web-3\"', action: accept, oncePer: 10m}\n  - {namespace: ahab, action: accept, project: c/d}\n"
	got := postFor[evaluation](t, u, "/api/evaluate", list)
	c, err := config.Parse("", []byte(list))
	if err != nil {
		t.Fatal(err)
	}
	var x explain.Explainer
	x.Decider.Filters = c.Filters
	builds := map[string]bool{}
	for i, e := range events {
		explained := x.Explain(e)
		if explained.BuildID != "" {
			builds[explained.BuildID] = true
		}
		if d := got.Deciders[got.Verdicts[3*i+1]]; d != deciderOf(explained.Verdict) {
			t.Errorf("Event %d: %+v, explain says %+v", i, d, explained.Verdict)
		}
	}
	if got.After.Builds != len(builds) || len(builds) == 0 {
		t.Errorf("%d builds, explain makes %d", got.After.Builds, len(builds))
	}
}

// Five browsers with the same list cost what one does. Each answer says up to
// which Event it goes, and the browser requests the rest.
func TestEvaluateIsSharedByBrowsersWithTheSameList(t *testing.T) {
	u := newTestUI(t)
	now := noon
	u.now = func() time.Time { return now }
	u.requests.AllowN(noon, -1)
	through := func(list string) int64 { return postFor[evaluation](t, u, "/api/evaluate", list).Through }
	for i, step := range []struct {
		what    string
		do      func()
		list    string
		through int64
	}{
		{"first", func() { see(u, newEvent(1, "pequod", "web-0", "BackOff")) }, pods, 1},
		{"another Event within a second", func() { see(u, newEvent(2, "pequod", "web-0", "BackOff")) }, pods, 1},
		{"another list", func() {}, pods + "# edited\n", 2},
		{"another Event", func() { see(u, newEvent(3, "pequod", "web-0", "BackOff")) }, pods + "# edited\n", 2},
		{"a second later", func() { now = now.Add(time.Second) }, pods + "# edited\n", 3},
		{"an hour later, without another Event", func() { now = now.Add(time.Hour) }, pods + "# edited\n", 3},
		{"another Event an hour later", func() { see(u, newEvent(4, "pequod", "web-0", "BackOff")) }, pods + "# edited\n", 4},
		{"another Event, and another list that decides", func() {
			see(u, newEvent(5, "pequod", "web-0", "BackOff"))
			u.SetList(List{Name: "other.yaml"})
		}, pods + "# edited\n", 5},
		{"the clock goes back an hour", func() {
			see(u, newEvent(6, "pequod", "web-0", "BackOff"))
			now = now.Add(-time.Hour)
		}, pods + "# edited\n", 6},
	} {
		step.do()
		if got := through(step.list); got != step.through {
			t.Errorf("step %d, %s: evaluated through Event %d, want %d", i, step.what, got, step.through)
		}
	}
}

func TestEvaluateEndsWithTheClient(t *testing.T) {
	u := newTestUI(t)
	see(u, newEvent(0, "pequod", "web-0", "BackOff"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.inTurn(ctx, request{list: []byte(pods)}, u.evaluate); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if err := u.evaluations.Acquire(t.Context(), 1); err != nil {
		t.Errorf("the place of an evaluation is not given back: %v", err)
	}
	if _, err := u.inTurn(ctx, request{list: []byte(pods)}, u.evaluate); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a place: error %v, want %v", err, context.Canceled)
	}
}

// All browsers together have the list evaluated in a hundredth of one CPU's time,
// because of new Events.
func TestPauseAfter(t *testing.T) {
	for name, tc := range map[string]struct {
		took     time.Duration
		browsers int
		want     time.Duration
	}{
		"one that took no time":       {0, 1, 1500 * time.Millisecond},
		"one of 20 ms":                {20 * time.Millisecond, 1, 2 * time.Second},
		"one of 20 ms for 5 browsers": {20 * time.Millisecond, 5, 10 * time.Second},
		"one for curl":                {20 * time.Millisecond, 0, 2 * time.Second},
		"the longest":                 {maxEvaluationTime, maxStreams, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pauseAfter(tc.took, tc.browsers); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// One request is answered at a time, and then none for as long as that took.
func TestRequestsTakeHalfOfOneCPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newTestUI(t)
		began := time.Now()
		var wait sync.WaitGroup
		answered := make(chan time.Duration, 3)
		for range 3 {
			wait.Go(func() {
				_, err := u.inTurn(t.Context(), request{}, func(context.Context, request) (any, error) {
					time.Sleep(time.Second) // fake clock
					answered <- time.Since(began)
					return nil, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if got, want := []time.Duration{<-answered, <-answered, <-answered}, []time.Duration{time.Second, 3 * time.Second, 5 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("answered after %v, want %v", got, want)
		}
	})
}

func TestARequestDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newTestUI(t)
		if err := u.evaluations.Acquire(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := u.inTurn(t.Context(), request{}, u.evaluate)
		if !errors.Is(err, errBusy) || time.Since(began) != maxWait {
			t.Errorf("%v after %v, want %v after %v", err, time.Since(began), errBusy, maxWait)
		}
	})
}

func TestExplainTracesTheEditedList(t *testing.T) {
	u := newTestUI(t)
	see(u, newEvent(0, "ahab", "web-7d9c6f5b8d-x2x9k", "BackOff"))
	got := postFor[explanation](t, u, "/api/explain?event=1", pods)
	want := []step{
		{By: "filters[0]", Why: `reason is "BackOff", not "Killing"`},
		{By: "filters[1]", Why: `namespace is "ahab", not "pequod"`},
	}
	if diff := cmp.Diff(want, got.Steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	fields := []field{
		{Key: "namespace", Value: "ahab", Keep: true},
		{Key: "kind", Value: "Pod", Keep: true},
		{Key: "name", Value: "web-7d9c6f5b8d-x2x9k", Glob: "web-*"},
		{Key: "reason", Value: "BackOff", Keep: true},
		{Key: "type", Value: "Normal"},
		{Key: "component", Value: "kubelet"},
	}
	if diff := cmp.Diff(fields, got.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if got.Event.Kind != "Event" || got.Event.APIVersion != "v1" || got.By != "default" || !got.Runs {
		t.Errorf("%+v", got)
	}
	accepted := postFor[explanation](t, u, "/api/explain?event=1", strings.Replace(pods, "pequod", "ahab", 1))
	if accepted.Verdict != "accept" || accepted.Recorded.Verdict != "reject" || len(accepted.BuildID) != 26 || accepted.Project != "deis/empty-testbed" {
		t.Errorf("%+v", accepted)
	}
	faulty := postFor[explanation](t, u, "/api/explain?event=1", "filters: 7")
	if faulty.Runs || faulty.By != "default" || len(faulty.Steps) != 2 {
		t.Errorf("%+v", faulty)
	}
}

// manyFilters returns a list of n filters of which the last ones match.
func manyFilters(n int) string {
	var b strings.Builder
	b.WriteString("project: deis/empty-testbed\nfilters:\n")
	for i := range n - 2 {
		fmt.Fprintf(&b, "  - namespace: team-%d-*\n    kind: Pod\n    reasons: [BackOff, Failed*]\n    action: accept\n", i)
	}
	b.WriteString("  - namespace: pequod\n    action: accept\n    oncePer: 10m\n  - action: reject\n")
	return b.String()
}

// BenchmarkEvaluate is an edit of a list of 100 filters, with 5,000 Events held:
// from its arrival to the answer. It must take less than 50 ms.
func BenchmarkEvaluate(b *testing.B) {
	u := newTestUI(b)
	u.requests.SetLimit(1 << 30)
	for i := range 5000 {
		see(u, newEvent(i, []string{"pequod", "ahab"}[i%2], fmt.Sprintf("web-%d", i), "BackOff"))
	}
	list := manyFilters(100)
	if got := postFor[evaluation](b, u, "/api/evaluate", list); got.After.Events != 5000 || got.After.Accepted != 2500 || len(got.Filters) != 103 {
		b.Fatalf("%+v", got.After)
	}
	edits := 0
	for b.Loop() {
		edits++ // the same list would have the same answer
		post(b, u, "/api/evaluate", fmt.Sprintf("%s# %d\n", list, edits))
		b.StopTimer()
		if err := u.evaluations.Acquire(b.Context(), 1); err != nil { // the pause after it
			b.Fatal(err)
		}
		u.evaluations.Release(1)
		b.StartTimer()
	}
}

// BenchmarkSeen is what the page costs the flow of Events.
func BenchmarkSeen(b *testing.B) {
	u := newTestUI(b)
	e := newEvent(0, "pequod", "web-0", "BackOff")
	v := u.Decide(e)
	b.ReportAllocs()
	for b.Loop() {
		u.Seen(e, v)
	}
}
