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
	tests := map[string]struct {
		floor    string
		steps    func(t *testing.T, tr *Tracker)
		position string
	}{
		"without a floor nothing is done": {
			steps:    func(*testing.T, *Tracker) {},
			position: "",
		},
		"a rejected event moves the position": {
			floor:    "10",
			steps:    func(_ *testing.T, tr *Tracker) { tr.Read("z", "11"); tr.Passed("11") },
			position: "11",
		},
		"an accepted event holds the position until it is done": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.Passed("20")
			},
			position: "10",
		},
		"the position passes an accepted event that is done": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.Passed("20")
				tr.Done("12")
			},
			position: "20",
		},
		"the lowest outstanding event counts, in whatever order they are done": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.Passed("14")
				accept(tr, "b", "15")
				accept(tr, "c", "17")
				tr.Done("17")
				tr.Done("12")
			},
			position: "14",
		},
		"versions of different length compare as numbers": {
			floor: "9",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "10")
				tr.Done("10")
			},
			position: "10",
		},
		"a list stands still until it ends": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Read("z", "90")
				tr.Passed("90")
			},
			position: "10",
		},
		"a list that ends with nothing accepted moves to its version": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Read("z", "90")
				tr.EndList("95")
			},
			position: "95",
		},
		"a list's events are outstanding in the order of their versions": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Admit("b", "30")
				tr.Admit("a", "20")
				tr.EndList("95")
				tr.Claim("20")
				tr.Done("20")
			},
			position: "20",
		},
		"a list that is begun again takes back what the failed one admitted": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Admit("a", "20")
				tr.BeginList()
				tr.EndList("95")
			},
			position: "95",
		},
		"an event deleted while a list is streamed is not waited for": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Admit("a", "20")
				tr.Vanished("a")
				tr.EndList("95")
			},
			position: "95",
		},
		"of an event shown twice while a list is streamed the last version is waited for": {
			floor: "10",
			steps: func(t *testing.T, tr *Tracker) {
				tr.BeginList()
				tr.Admit("a", "20")
				tr.Admit("a", "30")
				tr.EndList("95")
				if tr.Claim("20") {
					t.Error("the version that was replaced was claimed")
				}
				tr.Claim("30")
				tr.Done("30")
			},
			position: "95",
		},
		"a relist keeps what is outstanding from before": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				accept(tr, "a", "12")
				tr.BeginList()
				tr.EndList("95")
			},
			position: "10",
		},
		"a revoked event is outstanding no more": {
			floor: "10",
			steps: func(_ *testing.T, tr *Tracker) {
				tr.Read("a", "12")
				tr.Admit("a", "12")
				tr.Revoke("12")
				tr.Passed("13")
			},
			position: "13",
		},
		"a version that is no number is handled and moves nothing": {
			floor: "10",
			steps: func(t *testing.T, tr *Tracker) {
				if r := tr.Read("a", "x"); r.Done || !r.First {
					t.Errorf("Read = %+v, want a first reading", r)
				}
				tr.Admit("a", "x")
				tr.Passed("x")
				if !tr.Claim("x") || tr.Claim("x") {
					t.Error("want it claimed exactly once")
				}
				tr.Done("x")
			},
			position: "10",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tr := NewTracker(tc.floor)
			tc.steps(t, tr)
			if got := tr.Position(); got != tc.position {
				t.Errorf("position %q, want %q", got, tc.position)
			}
		})
	}
}

func TestTrackerTellsEachVersionOnce(t *testing.T) {
	tr := NewTracker("10")
	want := func(key, version string, want Reading) {
		t.Helper()
		if got := tr.Read(key, version); got != want {
			t.Errorf("Read(%s, %s) = %+v, want %+v", key, version, got, want)
		}
	}
	want("a", "10", Reading{Done: true}) // at the floor
	tr.BeginList()
	want("a", "20", Reading{First: true})
	tr.Admit("a", "20")
	tr.BeginList() // the first attempt failed
	want("a", "20", Reading{})
	tr.Admit("a", "20")
	want("b", "15", Reading{First: true}) // older, but the first attempt did not come so far
	want("c", "30", Reading{First: true})
	tr.EndList("40")
	want("a", "20", Reading{}) // outstanding: hand it on again, say nothing
	if !tr.Claim("20") || tr.Claim("20") {
		t.Error("want version 20 claimed exactly once")
	}
	tr.Done("20")
	want("a", "20", Reading{Done: true})
	want("b", "41", Reading{First: true})
	want("b", "41", Reading{}) // the watch broke before it was handed on
}

// TestTrackerTellsAListOnce lists a changing set of objects, breaks the list
// off somewhere, and lists again: each version is told exactly once.
func TestTrackerTellsAListOnce(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			versions, next := map[string]int{}, 1
			change := func() {
				for range rng.IntN(20) {
					versions[fmt.Sprintf("ns-%d/event-%d", rng.IntN(3), rng.IntN(20))] = next
					next++
				}
				for key := range versions { // in random order
					if rng.IntN(10) == 0 {
						delete(versions, key)
					}
				}
			}
			told := map[int]int{}
			list := func(tr *Tracker, n int) {
				tr.BeginList()
				for _, key := range slices.Sorted(maps.Keys(versions))[:n] {
					if tr.Read(key, strconv.Itoa(versions[key])).First {
						told[versions[key]]++
					}
				}
			}
			tr := NewTracker("")
			change()
			list(tr, rng.IntN(len(versions)+1))
			change()
			list(tr, len(versions))
			for key, version := range versions {
				if told[version] != 1 {
					t.Errorf("%s at version %d was told %d times", key, version, told[version])
				}
			}
			for version, times := range told {
				if times > 1 {
					t.Errorf("version %d was told %d times", version, times)
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
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			tr := NewTracker("100")
			next, frontier := 101, 100
			outstanding := []int{}
			for range 400 {
				switch rng.IntN(6) {
				case 0: // rejected
					tr.Read("z", strconv.Itoa(next))
					tr.Passed(strconv.Itoa(next))
					frontier = next
					next += 1 + rng.IntN(3)
				case 1, 2: // accepted
					accept(tr, "k", strconv.Itoa(next))
					outstanding, frontier = append(outstanding, next), next
					next += 1 + rng.IntN(3)
				case 3: // one is done, any of them
					if len(outstanding) > 0 {
						i := rng.IntN(len(outstanding))
						tr.Done(strconv.Itoa(outstanding[i]))
						outstanding = slices.Delete(outstanding, i, i+1)
					}
				case 4: // a list that shows one new event, after an attempt that failed
					tr.BeginList()
					tr.Admit("l", strconv.Itoa(next))
					tr.BeginList()
					tr.Admit("l", strconv.Itoa(next))
					tr.EndList(strconv.Itoa(next + 1))
					outstanding, frontier = append(outstanding, next), next+1
					next += 2
				case 5: // a watch stopped in the middle
					tr.Read("k", strconv.Itoa(next))
					tr.Admit("k", strconv.Itoa(next))
					tr.Revoke(strconv.Itoa(next))
				}
				got, _ := strconv.Atoi(tr.Position())
				if len(outstanding) > 0 && got >= outstanding[0] {
					t.Fatalf("position %d passed the outstanding %d", got, outstanding[0])
				}
				if len(outstanding) == 0 && got != frontier {
					t.Fatalf("position %d with nothing outstanding, want %d", got, frontier)
				}
				if tr.Outstanding() != len(outstanding) {
					t.Fatalf("%d outstanding, want %d", tr.Outstanding(), len(outstanding))
				}
			}
		})
	}
}

// accept is an accepted version that a watch read and handed on.
func accept(tr *Tracker, key, version string) {
	tr.Read(key, version)
	tr.Admit(key, version)
	tr.Passed(version)
	tr.Claim(version)
}
