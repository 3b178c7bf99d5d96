package delivery

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// withinPace fails the test if some window holds more created builds than
// the burst and the pace allow.
func withinPace(t *testing.T, created []time.Time, l limit.Limits) {
	t.Helper()
	created = slices.SortedFunc(slices.Values(created), time.Time.Compare)
	for i, from := range created {
		for j := i; j < len(created); j++ {
			length := created[j].Sub(from)
			if n, allowed := j-i+1, l.Burst+int(length*time.Duration(l.BuildsPerMinute)/time.Minute); n > allowed {
				t.Fatalf("%d builds within %s at %d a minute with a burst of %d, %d allowed", n, length, l.BuildsPerMinute, l.Burst, allowed)
			}
		}
	}
}

func TestThePaceHoldsAfterAnOutage(t *testing.T) {
	tests := map[string]struct {
		limits limit.Limits
		fault  error
		lasts  time.Duration
		waits  int
	}{
		"the build namespace is missing for 45 s": {
			limit.Limits{BuildsPerMinute: 120, Burst: 1, Queued: 1000},
			apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "brigade"), 45 * time.Second, 400,
		},
		"an hour without etcd": {
			limit.Limits{BuildsPerMinute: 60, Burst: 20, Queued: 10_000}, apierrors.NewServiceUnavailable("etcd is down"), time.Hour, 4000,
		},
		"an hour in which admission denies": {
			limit.Limits{BuildsPerMinute: 60, Burst: 20, Queued: 10_000}, apierrors.NewForbidden(schema.GroupResource{}, "x", errors.New("denied request: freeze")), time.Hour, 4000,
		},
		"ten minutes in which all answers are lost": {
			limit.Limits{BuildsPerMinute: 6, Burst: 50, Queued: 1000}, io.ErrUnexpectedEOF, 10 * time.Minute, 300,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHarness(t, func(o *Options) { o.Limits = tc.limits; o.Workers = 16 })
				h.sink.breakDown(func(Build) error { return tc.fault })
				h.many("a", tc.waits/2)
				h.run()
				for passed := time.Duration(0); passed < tc.lasts; passed += 15 * time.Second {
					if passed == 15*time.Second {
						h.many("b", tc.waits/2)
					}
					bubbletest.Pass(15 * time.Second)
					if n := h.sink.since(15 * time.Second); passed > 0 && n > 8 {
						t.Fatalf("%d attempts within 15 s while writing fails, want a few", n)
					}
				}
				if n := h.sink.since(tc.lasts); n < int(tc.lasts/(20*time.Second)) {
					t.Errorf("%d attempts in all, want the end of the outage to be noticed", n)
				}
				h.sink.breakDown(nil)
				bubbletest.Pass(16 * time.Second)
				if n := len(h.sink.ids()); n == 0 {
					t.Error("no builds within 16 s of healing")
				}
				bubbletest.Pass(time.Duration(tc.waits/tc.limits.BuildsPerMinute+1) * time.Minute)
				if n := len(h.sink.ids()); n != tc.waits {
					t.Errorf("%d builds in the end, want all %d", n, tc.waits)
				}
				withinPace(t, h.sink.created, tc.limits)
				h.counted(Created, tc.waits)
				h.stop()
			})
		})
	}
}

func TestARequestToComeBackLaterIsRespected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		tooMany := func(seconds int) error { return apierrors.NewTooManyRequests("slow down", seconds) }
		h.sink.answers["a"] = []error{tooMany(30), tooMany(3600)}
		h.run()
		h.add("a", "b", "c")
		bubbletest.Pass(29 * time.Second)
		if n := h.sink.since(28 * time.Second); n != 0 {
			t.Errorf("%d attempts within the 30 s the server asked for, want none", n)
		}
		bubbletest.Pass(2 * time.Minute)
		if got := h.sink.ids(); len(got) != 3 {
			t.Errorf("written %q, want all: a server is left alone for a minute at most", got)
		}
		h.stop()
	})
}

func TestWhatIsDeniedDoesNotHoldBackOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		denied := true
		h.sink.breakDown(func(b Build) error {
			if denied && strings.HasPrefix(b.ID, "frozen/") {
				return status(403, metav1.StatusReasonForbidden, `admission webhook "freeze" denied the request: frozen`)
			}
			return nil
		})
		h.run()
		h.many("frozen", 300)
		bubbletest.Pass(time.Hour) // each was tried
		h.add("free/first")
		bubbletest.Pass(2 * maxProbeBackoff) // the turn of the other flow, and its own
		h.wants("free/first")
		bubbletest.Pass(time.Hour)
		attempts, began := 0, time.Now()
		for i := range 1199 {
			if i == 599 { // those that waited to be tried again have been
				attempts, began = h.sink.tries(), time.Now()
			}
			bubbletest.Pass(time.Second)
			added := time.Now()
			h.add(fmt.Sprint("free/", i))
			for synctest.Wait(); len(h.sink.ids()) < i+2; bubbletest.Pass(100 * time.Millisecond) {
			}
			if waited := time.Since(added); i > 0 && waited > maxProbeBackoff {
				t.Fatalf("a build waited for %s behind what is denied", waited)
			}
		}
		minutes := int(time.Since(began)/time.Minute) + 1
		if n := (h.sink.tries() - attempts - 600) / minutes; n > 31 {
			t.Errorf("%d attempts a minute at what is denied, want few", n)
		}
		h.sink.mu.Lock()
		denied = false
		h.sink.mu.Unlock()
		bubbletest.Pass(maxRetryBackoff + retryEvery)
		if n := len(h.sink.ids()); n != 1500 {
			t.Errorf("%d builds written once the first retry succeeded, want all", n)
		}
		h.stop()
	})
}

func TestWhatIsDeniedDoesNotHoldBackOthersOfItsFlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits = limit.Limits{BuildsPerMinute: 60, Burst: 5, Queued: 1000} })
		h.sink.breakDown(func(b Build) error {
			if strings.HasPrefix(b.ID, "ns/frozen") {
				return status(403, metav1.StatusReasonForbidden, `admission webhook "freeze" denied the request: frozen`)
			}
			return nil
		})
		for i := range 50 {
			h.add(fmt.Sprint("ns/frozen-", i))
		}
		h.run()
		bubbletest.Pass(10 * time.Minute)
		for i := range 20 {
			h.add(fmt.Sprint("ns/free-", i))
		}
		bubbletest.Pass(5 * time.Minute) // as many fresh ones as there may be are tried first
		if n := len(h.sink.ids()); n != 20 {
			t.Errorf("%d builds written beside those that are denied, want all 20", n)
		}
		if n := h.sink.since(time.Minute); n > 32 {
			t.Errorf("%d attempts a minute at what is denied", n)
		}
		h.stop()
	})
}

func TestFailedAttemptsAreNotCharged(t *testing.T) {
	tests := map[string]struct {
		// answers are the answers to attempts at the build "a". A lost one did or did not
		// create it.
		answers []error
		lost    bool
		written []string
		// left is how many more builds the burst of 5 allows at once.
		left int
	}{
		"a created build costs one":                              {nil, false, nil, 4},
		"an attempt that failed costs nothing":                   {[]error{apierrors.NewUnauthorized("x")}, false, nil, 4},
		"a build that exists costs nothing":                      {nil, false, []string{"a"}, 5},
		"one that is refused costs nothing":                      {[]error{Refuse(io.EOF)}, false, nil, 5},
		"a lost answer to nothing costs nothing in the end":      {[]error{io.EOF}, false, nil, 4},
		"three of them, too":                                     {[]error{io.EOF, io.EOF, io.EOF}, false, nil, 4},
		"a lost answer to a create costs one":                    {[]error{io.EOF}, true, nil, 4},
		"three lost answers to one create cost one":              {[]error{io.EOF, io.EOF, io.EOF}, true, nil, 4},
		"lost answers to a build that is refused in the end":     {[]error{io.EOF, Refuse(io.EOF)}, false, nil, 5},
		"a failure after a lost answer costs nothing of its own": {[]error{io.EOF, apierrors.NewUnauthorized("x"), io.EOF}, true, nil, 4},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHarness(t, func(o *Options) { o.Limits = limit.Limits{BuildsPerMinute: 1, Burst: 5, Queued: 100} })
				h.sink.answers["a"], h.sink.lost, h.sink.written = tc.answers, tc.lost, tc.written
				h.run()
				h.add("a")
				bubbletest.Pass(10 * time.Second) // less than a token takes
				if depth, _ := h.Waiting(); depth != 0 {
					t.Fatal("the build has no outcome yet")
				}
				before := len(h.sink.ids())
				h.many("b", 10)
				synctest.Wait()
				if left := len(h.sink.ids()) - before; left != tc.left {
					t.Errorf("%d builds pass at once, want %d", left, tc.left)
				}
				h.stop()
			})
		})
	}
}

func TestAnEmptyBucketLetsNothingPassAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Limits = limit.Limits{BuildsPerMinute: 60, Burst: 20, Queued: 100} })
		h.EmptyBucket()
		h.many("a", 30)
		h.run()
		synctest.Wait()
		h.wants()
		bubbletest.Pass(10 * time.Second)
		if n := len(h.sink.ids()); n != 10 {
			t.Errorf("%d builds within 10 s, want the pace of 10", n)
		}
		h.stop()
	})
}

// active returns a harness with a limit of active builds.
func active(t *testing.T, builds int) *harness {
	t.Helper()
	return newHarness(t, func(o *Options) {
		o.Limits = wide()
		o.Limits.ActiveBuilds = builds
	})
}

func TestActiveBuilds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := active(t, 3)
		h.many("b", 100)
		h.run()
		want := func(n int, when string) {
			t.Helper()
			synctest.Wait()
			if got := len(h.sink.ids()); got != n {
				t.Errorf("%d builds %s, want %d", got, when, n)
			}
		}
		bubbletest.Pass(time.Hour)
		want(0, "before the workers that are there were counted")
		if got := testutil.ToFloat64(h.metrics.heldBack.WithLabelValues(limitActive)); got != 1 {
			t.Errorf("held_back is %v while builds wait, want 1", got)
		}
		h.WorkerAppeared("somebody else's")
		h.Counted(time.Now().Add(limit.SettleTime))
		bubbletest.Pass(limit.SettleTime - time.Millisecond)
		want(0, "before a predecessor's pods have had time to appear")
		bubbletest.Pass(time.Millisecond)
		want(2, "beside one that is there")
		h.WorkerEnded("somebody else's")
		want(3, "when that has ended")
		ids := h.sink.ids()
		h.WorkerAppeared(ids[0])
		h.WorkerAppeared(ids[1])
		want(3, "when the pods of two run")
		h.WorkerEnded(ids[0])
		want(4, "when one of them has ended")
		bubbletest.Pass(limit.AppearWithin)
		want(6, "when the pods of two are overdue")
		h.Recount()
		h.WorkerAppeared(ids[1])
		h.WorkerEnded(h.sink.ids()[5])
		want(6, "while workers are counted again")
		h.Counted(time.Now())
		want(7, "when they have been: what was created and has not appeared still counts")
		h.stop()
	})
}

func TestALimitOfActiveBuildsBeginsWithACount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.run()
		h.add("a")
		h.wants("a")
		l := wide()
		l.ActiveBuilds = 1
		h.Limit(l)
		h.add("b", "c")
		h.wants("a")
		h.Counted(time.Now())
		h.wants("a", "b")
		h.Limit(wide())
		h.wants("a", "b", "c")
		h.stop()
	})
}

func TestALostAnswerIsTriedAgainInItsOwnPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := active(t, 2)
		h.Counted(time.Now())
		h.sink.answers["b/0"] = []error{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF}
		h.sink.answers["b/1"] = []error{io.ErrUnexpectedEOF}
		h.many("b", 10)
		h.run()
		bubbletest.Pass(time.Minute)
		if got := slices.Sorted(slices.Values(h.sink.ids())); !slices.Equal(got, []string{"b/0", "b/1"}) {
			t.Errorf("written %q, want the two whose answers were lost, and no other beside them", got)
		}
		h.stop()
	})
}

func TestALostAnswerIsNotTriedAgainWhilePaused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := active(t, 1)
		h.Counted(time.Now())
		h.sink.answers["a"] = []error{io.ErrUnexpectedEOF}
		h.add("a")
		h.run()
		synctest.Wait()
		limits := wide()
		limits.ActiveBuilds, limits.Paused = 1, true
		h.Limit(limits)
		bubbletest.Pass(30 * time.Second)
		h.wants()
		limits.Paused = false
		h.Limit(limits)
		h.wants("a")
		h.stop()
	})
}

func TestALostAnswerThatCountsNoLongerWaitsForRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := active(t, 1)
		h.Counted(time.Now())
		h.sink.answers["a"] = []error{io.ErrUnexpectedEOF}
		h.add("a")
		h.run()
		synctest.Wait()
		h.stop() // before it is tried again
		bubbletest.Pass(limit.AppearWithin)
		h.WorkerAppeared("somebody else's")
		h.run()
		bubbletest.Pass(time.Hour)
		h.wants()
		h.WorkerEnded("somebody else's")
		h.wants("a")
		h.stop()
	})
}

// TestLostAnswersWaitForRoomUnderALowerLimit loses the answers to more builds than a lower
// limit allows: each may have been created, so all that may have been count.
func TestLostAnswersWaitForRoomUnderALowerLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := active(t, 3)
		h.Counted(time.Now())
		h.sink.breakDown(func(Build) error { return io.ErrUnexpectedEOF })
		h.many("b", 3)
		h.run()
		bubbletest.Pass(30 * time.Second)
		limits := wide()
		limits.ActiveBuilds = 2
		h.Limit(limits)
		h.sink.breakDown(nil)
		bubbletest.Pass(time.Minute)
		h.wants()
		bubbletest.Pass(limit.AppearWithin)
		if n := len(h.sink.ids()); n != 2 {
			t.Errorf("%d builds when those that may have been created are overdue, want 2", n)
		}
		h.stop()
	})
}

// TestLimitsHoldWhateverHappens writes through a sink whose answers take time, fail
// and get lost, while worker pods start and end and limits change.
func TestLimitsHoldWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 9))
				answers := rand.New(rand.NewPCG(seed, 10)) // the sink's own, under its lock
				l := limit.Limits{BuildsPerMinute: 1 + rng.IntN(300), Burst: 1 + rng.IntN(20), ActiveBuilds: rng.IntN(10), Queued: 10_000}
				h := newHarness(t, func(o *Options) { o.Limits = l; o.Workers = 1 + rng.IntN(16) })
				latency := time.Duration(1 + rng.Int64N(int64(20*time.Second)))
				h.sink.latency = func() time.Duration {
					h.sink.mu.Lock()
					defer h.sink.mu.Unlock()
					return time.Duration(answers.Int64N(int64(latency)))
				}
				h.sink.breakDown(func(Build) error {
					h.sink.lost = answers.IntN(2) == 0
					switch answers.IntN(8) {
					case 0:
						return io.ErrUnexpectedEOF
					case 1:
						h.sink.lost = false
						return apierrors.NewUnauthorized("x")
					default:
						return nil
					}
				})
				h.Counted(time.Now())
				h.run()
				running, seen := map[string]time.Time{}, 0
				for step := range 200 {
					if step < 100 {
						h.many(fmt.Sprint("ns-", step%5, "-", step), rng.IntN(5))
					}
					bubbletest.Pass(time.Duration(rng.Int64N(int64(20 * time.Second))))
					if l.ActiveBuilds == 0 {
						continue
					}
					for _, id := range h.sink.ids()[seen:] { // the worker of what was written starts
						seen++
						running[id] = time.Now()
						h.WorkerAppeared(id)
					}
					if len(running) > l.ActiveBuilds {
						t.Fatalf("%d builds are active, want at most %d", len(running), l.ActiveBuilds)
					}
					for id, since := range running {
						if time.Since(since) > 15*time.Second {
							delete(running, id)
							h.WorkerEnded(id)
						}
					}
				}
				withinPace(t, h.sink.created, l)
				if len(h.sink.ids()) == 0 {
					t.Error("nothing was written")
				}
				h.stop()
			})
		})
	}
}
