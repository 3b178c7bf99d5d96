package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// bucket is a token bucket with the limits of the filter files. It never falls below
// zero exactly if no window of any length has more builds than burst plus pace times
// its length.
type bucket struct {
	level float64
	rate  float64
	burst float64
	at    time.Time
}

// advance fills the bucket up to the given moment.
func (b *bucket) advance(to time.Time) {
	b.level = min(b.burst, b.level+b.rate*to.Sub(b.at).Seconds())
	b.at = to
}

// limit changes the limits. Tokens of a larger burst may be used at once, and those of
// a smaller one are lost.
func (b *bucket) limit(rate, burst float64) {
	b.level = min(b.level+max(burst-b.burst, 0), burst)
	b.rate, b.burst = rate, burst
}

// step is a moment that changes the bucket.
type step struct {
	at    time.Time
	build *build
	// fill is whether the bucket may be full, because no position was stored.
	fill bool
}

// rounding is the error of the bucket's floating point numbers.
const rounding = 1e-6

// checkPace: no window has more builds than burst plus pace times its length, nor
// more messages of any one destination, repeats included, across reloads, changes of
// leader and restarts.
func (s *simulation) checkPace() []string {
	var faults []string
	for _, destination := range s.destinations() {
		faults = append(faults, s.checkPaceOf(destination, s.server.record.arrived(destination))...)
	}
	return faults
}

func (s *simulation) checkPaceOf(destination string, arrived []*build) []string {
	steps := []step{{at: s.began, fill: true}}
	for i, c := range s.used {
		// A destination that another file brings begins with a full burst.
		begins := destination != brigadeName && i > 0 && c.has(destination) && !s.used[i-1].has(destination)
		steps = append(steps, step{at: c.from, fill: begins})
		if !c.used.IsZero() {
			steps = append(steps, step{at: c.used.Add(time.Nanosecond), fill: begins})
		}
	}
	for _, w := range s.server.record.writes {
		if w.fresh {
			steps = append(steps, step{at: w.at, fill: true})
		}
	}
	for _, b := range arrived {
		steps = append(steps, step{at: b.at, build: b})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	level := &bucket{at: s.began}
	var faults []string
	for _, st := range steps {
		level.advance(st.at)
		rate, burst := s.pace(st.at)
		level.limit(rate, burst)
		switch {
		case st.fill:
			level.level = burst
		case st.build != nil:
			level.level--
			if level.level < -rounding {
				faults = append(faults, fmt.Sprintf("build %s, at %s, is %.6f builds above %g a minute after %g at once",
					st.build.name, s.when(st.at), -level.level, rate*60, burst))
				level.level = 0
			}
		}
	}
	return faults
}

// pace returns the highest limits at a moment.
func (s *simulation) pace(at time.Time) (rate, burst float64) {
	for i, c := range s.used {
		if ended, ends := s.replaced(i); at.Before(c.from) || ends && at.After(ended) {
			continue
		}
		limits := c.parsed.Limits
		rate = max(rate, float64(limits.BuildsPerMinute)/60)
		burst = max(burst, float64(limits.Burst))
	}
	return rate, burst
}
