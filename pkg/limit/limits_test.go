package limit

import (
	"fmt"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		limits Limits
		after  []time.Duration // when each build comes, from the start
		waits  []time.Duration // how long it waits
	}{
		"the burst does not wait, what follows is spaced": {
			limits: Limits{BuildsPerMinute: 60, Burst: 2},
			after:  []time.Duration{0, 0, 0, 0},
			waits:  []time.Duration{0, 0, time.Second, 2 * time.Second},
		},
		"a quiet time fills the bucket again, and no fuller": {
			limits: Limits{BuildsPerMinute: 60, Burst: 2},
			after:  []time.Duration{0, 0, time.Hour, time.Hour, time.Hour},
			waits:  []time.Duration{0, 0, 0, 0, time.Second},
		},
		"six hundred a minute is ten a second": {
			limits: Limits{BuildsPerMinute: 600, Burst: 1},
			after:  []time.Duration{0, 0, 0},
			waits:  []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pace := NewPace(tc.limits)
			for i, after := range tc.after {
				if got := pace.Take(start.Add(after)); (got - tc.waits[i]).Abs() > time.Microsecond {
					t.Errorf("build %d waits %s, want %s", i, got, tc.waits[i])
				}
			}
		})
	}
}

func TestActive(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		steps func(a *Active)
		after time.Duration
		room  int
	}{
		"nothing is active at first":                     {func(*Active) {}, 0, 3},
		"what was just written is active":                {func(a *Active) { a.Admit("a", start) }, time.Second, 2},
		"a pod that appears is counted once":             {func(a *Active) { a.Admit("a", start); a.Appeared("a") }, time.Second, 2},
		"a pod that runs long stays active":              {func(a *Active) { a.Admit("a", start); a.Appeared("a") }, time.Hour, 2},
		"a pod that ends makes room":                     {func(a *Active) { a.Admit("a", start); a.Appeared("a"); a.Ended("a") }, time.Second, 3},
		"a pod of somebody else's build is active":       {func(a *Active) { a.Appeared("x") }, time.Second, 2},
		"a build that was there already makes room":      {func(a *Active) { a.Admit("a", start); a.Withdraw("a") }, time.Second, 3},
		"a build whose pod never appears makes room":     {func(a *Active) { a.Admit("a", start) }, AppearWithin, 3},
		"a build is active until its pod is overdue":     {func(a *Active) { a.Admit("a", start) }, AppearWithin - 1, 2},
		"admitting a build whose pod runs adds nothing":  {func(a *Active) { a.Appeared("a"); a.Admit("a", start) }, time.Second, 2},
		"what ends while it is only written makes room":  {func(a *Active) { a.Admit("a", start); a.Ended("a") }, time.Second, 3},
		"more pods than the limit leave no room":         {func(a *Active) { a.Appeared("1"); a.Appeared("2"); a.Appeared("3"); a.Appeared("4") }, 0, 0},
		"a pod that ends unseen is no build's end twice": {func(a *Active) { a.Ended("x"); a.Ended("x") }, 0, 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := NewActive(3)
			tc.steps(a)
			room := 0
			for a.Admit(fmt.Sprint("new-", room), start.Add(tc.after)) {
				room++
			}
			if room != tc.room {
				t.Errorf("room for %d, want %d", room, tc.room)
			}
		})
	}
}

func TestActiveTellsWhenTimeMakesRoom(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	a := NewActive(2)
	if _, ok := a.Next(); ok {
		t.Error("an empty count waits for nothing")
	}
	a.Admit("b", start.Add(time.Second))
	a.Admit("a", start)
	if next, ok := a.Next(); !ok || !next.Equal(start.Add(AppearWithin)) {
		t.Errorf("next %s %t, want the expiry of the first", next, ok)
	}
}
