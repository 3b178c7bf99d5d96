package limit

import (
	"testing"
	"time"
)

func TestActive(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps func(a *Active)
		after time.Duration
		count int
	}{
		"nothing is active at first":                      {func(*Active) {}, 0, 0},
		"what is about to be created is active":           {func(a *Active) { a.Reserve("a", start()) }, time.Second, 1},
		"what was not created is not":                     {func(a *Active) { a.Reserve("a", start()); a.Release("a") }, time.Second, 0},
		"what was created is active":                      {func(a *Active) { a.Reserve("a", start()); a.Created("a", start()) }, time.Second, 1},
		"a pod that appears is counted once":              {func(a *Active) { a.Reserve("a", start()); a.Appeared("a") }, time.Second, 1},
		"a pod that appears before the answer, too":       {func(a *Active) { a.Reserve("a", start()); a.Appeared("a"); a.Created("a", start()) }, time.Hour, 1},
		"a pod that ends before the answer is not active": {func(a *Active) { a.Reserve("a", start()); a.Appeared("a"); a.Ended("a"); a.Created("a", start()) }, 0, 0},
		"a pod that runs long stays active":               {func(a *Active) { a.Reserve("a", start()); a.Appeared("a") }, time.Hour, 1},
		"a pod that has ended is not active":              {func(a *Active) { a.Reserve("a", start()); a.Appeared("a"); a.Ended("a") }, time.Second, 0},
		"a pod of somebody else's build is active":        {func(a *Active) { a.Appeared("x") }, time.Second, 1},
		"a build whose pod never appears is not active":   {func(a *Active) { a.Reserve("a", start()); a.Created("a", start()) }, AppearWithin, 0},
		"a build is active until its pod is overdue":      {func(a *Active) { a.Reserve("a", start()); a.Created("a", start()) }, AppearWithin - 1, 1},
		"the pod has its time from the answer on":         {func(a *Active) { a.Reserve("a", start()); a.Created("a", at(time.Minute)) }, AppearWithin, 1},
		"reserving a build whose pod runs adds nothing":   {func(a *Active) { a.Appeared("a"); a.Reserve("a", start()) }, time.Second, 1},
		"releasing it leaves the pod":                     {func(a *Active) { a.Appeared("a"); a.Reserve("a", start()); a.Release("a") }, time.Second, 1},
		"a pod that ends unseen is no build's end twice":  {func(a *Active) { a.Ended("x"); a.Ended("x") }, 0, 0},
		"pods that are counted again were forgotten":      {func(a *Active) { a.Appeared("a"); a.Recount() }, 0, 0},
		"what was created is not forgotten with them":     {func(a *Active) { a.Reserve("a", start()); a.Recount() }, 0, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := NewActive()
			tc.steps(a)
			if counts := a.Counts("a", at(tc.after)) || a.Counts("x", at(tc.after)); counts != (tc.count > 0) {
				t.Errorf("the build counts: %t, with %d active", counts, tc.count)
			}
			if got := a.Count(at(tc.after)); got != tc.count {
				t.Errorf("%d are active, want %d", got, tc.count)
			}
		})
	}
}

func TestActiveKnowsWhenTimeMakesRoom(t *testing.T) {
	t.Parallel()
	a := NewActive()
	if _, ok := a.Next(); ok {
		t.Error("an empty count waits for nothing")
	}
	a.Appeared("runs")
	if _, ok := a.Next(); ok {
		t.Error("a running pod does not end by the passing of time")
	}
	a.Reserve("b", at(time.Second))
	a.Reserve("a", start())
	if next, ok := a.Next(); !ok || !next.Equal(at(AppearWithin)) {
		t.Errorf("next %s, %t, want the expiry of the first", next, ok)
	}
}
