package position

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

func TestTracker(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		start    string
		steps    func(t *testing.T, tr *Tracker)
		position string
	}{
		"without a start nothing is done": {
			steps:    func(*testing.T, *Tracker) {},
			position: "",
		},
		"a rejected event moves the position": {
			start:    "10",
			steps:    func(_ *testing.T, tr *Tracker) { tr.Read("z", "11"); tr.Advance("11") },
			position: "11",
		},
		"an accepted event holds the position just below it until it is done": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.Advance("20")
			},
			position: "11",
		},
		"the position passes an accepted event that is done": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.Advance("20")
				tr.Done("12")
			},
			position: "20",
		},
		"an event that was tracked and is above the high-water mark holds nothing below it": {
			start:    "10",
			steps:    func(_ *testing.T, tr *Tracker) { tr.Read("a", "12"); tr.Track("12") },
			position: "10",
		},
		"the lowest outstanding event counts, in whatever order they are done": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.Advance("14")
				accept(tr, "b", "15")
				accept(tr, "c", "17")
				tr.Done("17")
				tr.Done("12")
			},
			position: "14",
		},
		"versions of different length compare as numbers": {
			start: "9",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "10")
				accept(tr, "b", "9999")
				tr.Done("10")
			},
			position: "9998",
		},
		"an older version moves nothing back": {
			start:    "10",
			steps:    func(_ *testing.T, tr *Tracker) { tr.Advance("20"); tr.Advance("15"); tr.Advance("") },
			position: "20",
		},
		"a list does not move the position until it ends": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Read("z", "90")
				tr.Advance("90")
			},
			position: "10",
		},
		"a list that ends with nothing accepted moves to its version": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Read("z", "90")
				tr.EndList("95")
			},
			position: "95",
		},
		"a list's events are outstanding in the order of their versions": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Track("30")
				tr.Track("20")
				tr.EndList("95")
				tr.Done("20")
			},
			position: "29",
		},
		"what is done before its list ends holds nothing": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Track("20")
				tr.Done("20")
				tr.EndList("95")
			},
			position: "95",
		},
		"what a failed list tracked stays outstanding": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Track("20")
				tr.BeginList()
				tr.EndList("95")
			},
			position: "19",
		},
		"a relist keeps what is outstanding from before": {
			start: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.BeginList()
				tr.EndList("95")
			},
			position: "11",
		},
		"the end of a list that was not begun is nothing": {
			start:    "10",
			steps:    func(_ *testing.T, tr *Tracker) { tr.EndList("95") },
			position: "10",
		},
		"a version that is not a number is new each time and moves nothing": {
			start: "10",
			steps: func(t *testing.T, tr *Tracker) {
				for range 2 {
					if r := tr.Read("a", "x"); r != (Reading{First: true}) {
						t.Errorf("Read = %+v, want a first reading", r)
					}
				}
				tr.Track("x")
				if n := tr.Outstanding(); n != 0 {
					t.Errorf("%d outstanding, want none", n)
				}
				tr.Advance("x")
				tr.Done("x")
			},
			position: "10",
		},
		"an accepted first version of all leaves nothing done": {
			steps:    func(_ *testing.T, tr *Tracker) { accept(tr, "a", "1") },
			position: "",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := NewTracker(tc.start)
			tc.steps(t, tr)
			if got := tr.Position(); got != tc.position {
				t.Errorf("position %q, want %q", got, tc.position)
			}
		})
	}
}

func TestTheHighWaterMarkDoesNotWait(t *testing.T) {
	t.Parallel()
	tr := NewTracker("10")
	accept(tr, "a", "12")
	tr.Advance("20")
	if got := tr.HighWater(); got != "20" {
		t.Errorf("high-water mark %s, want 20", got)
	}
	tr.BeginList()
	tr.Advance("30")
	if got := tr.HighWater(); got != "20" {
		t.Errorf("high-water mark %s within a list, want 20", got)
	}
	tr.EndList("40")
	if got := tr.HighWater(); got != "40" {
		t.Errorf("high-water mark %s after the list, want 40", got)
	}
}

func TestPredecessor(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"1": "", "2": "1", "10": "9", "11": "10", "100": "99", "1000000": "999999", "2000": "1999",
		"18446744073709551616":                    "18446744073709551615", // beyond 64 bits
		"100000000000000000000000000000000000000": "99999999999999999999999999999999999999",
	} {
		if got := predecessor(v); got != want {
			t.Errorf("predecessor(%s) = %q, want %q", v, got, want)
		}
	}
}

func TestTrackerReportsEachVersionOnce(t *testing.T) {
	t.Parallel()
	tr := NewTracker("10")
	want := func(key, version string, want Reading) {
		t.Helper()
		if got := tr.Read(key, version); got != want {
			t.Errorf("Read(%s, %s) = %+v, want %+v", key, version, got, want)
		}
	}
	want("a", "10", Reading{Known: true}) // at the start
	tr.BeginList()
	want("a", "20", Reading{First: true})
	tr.Track("20")
	tr.BeginList()                        // the first attempt failed
	want("a", "20", Reading{Known: true}) // its build waits
	tr.Done("20")
	want("a", "20", Reading{})            // built meanwhile: deal with it again, say nothing
	want("b", "15", Reading{First: true}) // older, but the first attempt did not come so far
	want("c", "30", Reading{First: true})
	tr.Track("30")
	tr.EndList("40")
	want("c", "30", Reading{Known: true}) // outstanding
	tr.Done("30")
	want("c", "30", Reading{Known: true}) // done
	want("b", "15", Reading{Known: true})
	want("b", "41", Reading{First: true})
	want("b", "41", Reading{}) // the watch broke before it was dealt with
	tr.Advance("41")
	want("b", "41", Reading{Known: true})
}

// TestTrackerReportsAListOnce lists a changing set of objects, breaks the list
// off somewhere, and lists again: each version is reported exactly once.
func TestTrackerReportsAListOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 2))
			versions, next := map[string]int{}, 1
			change := func() {
				for range rng.IntN(20) {
					versions[fmt.Sprintf("ns-%d/event-%d", rng.IntN(3), rng.IntN(20))] = next
					next++
				}
				for _, key := range slices.Sorted(maps.Keys(versions)) {
					if rng.IntN(10) == 0 {
						delete(versions, key)
					}
				}
			}
			reported := map[int]int{}
			list := func(tr *Tracker, n int) {
				tr.BeginList()
				for _, key := range slices.Sorted(maps.Keys(versions))[:n] {
					if tr.Read(key, strconv.Itoa(versions[key])).First {
						reported[versions[key]]++
					}
				}
			}
			tr := NewTracker("")
			for range rng.IntN(4) {
				change()
				list(tr, rng.IntN(len(versions)+1))
			}
			change()
			list(tr, len(versions))
			for key, version := range versions {
				if reported[version] != 1 {
					t.Errorf("%s at version %d was reported %d times", key, version, reported[version])
				}
			}
			for version, times := range reported {
				if times > 1 {
					t.Errorf("version %d was reported %d times", version, times)
				}
			}
		})
	}
}

func TestTrackerRemembersNothingOfWhatAListRejects(t *testing.T) {
	tr := NewTracker("")
	tr.BeginList()
	next, key, version := 0, make([]string, 2000), make([]string, 2000)
	for i := range key {
		key[i], version[i] = fmt.Sprintf("pequod/event-%08d", i), strconv.Itoa(1000+i)
	}
	if allocations := testing.AllocsPerRun(len(key)-1, func() {
		tr.Read(key[next], version[next])
		next++
	}); allocations != 0 {
		t.Errorf("%v allocations for each Event read, want none", allocations)
	}
}

// TestTrackerAgainstAModel drives a Tracker with random reads, lists, failures
// and completions and compares its position with a direct computation.
func TestTrackerAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			tr := NewTracker("100")
			next, read, listing := 101, 100, false
			var outstanding []int
			for range 400 {
				switch version := strconv.Itoa(next); rng.IntN(6) {
				case 0: // rejected
					tr.Read("z", version)
					tr.Advance(version)
					if !listing {
						read = next
					}
					next += 1 + rng.IntN(3)
				case 1, 2: // accepted
					accept(tr, "k", version)
					outstanding = append(outstanding, next)
					if !listing {
						read = next
					}
					next += 1 + rng.IntN(3)
				case 3: // one is done, any of them
					if len(outstanding) > 0 {
						i := rng.IntN(len(outstanding))
						tr.Done(strconv.Itoa(outstanding[i]))
						outstanding = slices.Delete(outstanding, i, i+1)
					}
				case 4: // a list begins, in the place of one that failed perhaps
					tr.BeginList()
					listing = true
				case 5:
					if listing {
						tr.EndList(version)
						listing, read = false, next
						next++
					}
				}
				want := read
				if len(outstanding) > 0 {
					want = min(read, outstanding[0]-1)
				}
				if got := tr.Position(); got != strconv.Itoa(want) {
					t.Fatalf("position %s, want %d: read %d, outstanding %v", got, want, read, outstanding)
				}
				if got := tr.HighWater(); got != strconv.Itoa(read) {
					t.Fatalf("high-water mark %s, want %d", got, read)
				}
				if tr.Outstanding() != len(outstanding) {
					t.Fatalf("%d outstanding, want %d", tr.Outstanding(), len(outstanding))
				}
			}
		})
	}
}

// accept is an accepted version that was read and whose build waits.
func accept(tr *Tracker, key, version string) {
	tr.Read(key, version)
	tr.Track(version)
	tr.Advance(version)
}
