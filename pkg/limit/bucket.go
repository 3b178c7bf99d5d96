package limit

import "time"

// Bucket is the token bucket behind BuildsPerMinute and Burst. A token is
// reserved before a build is created and spent when it has been, so that no
// window of any length holds more created builds than the burst plus the pace
// times its length, however long the API server takes to answer: at any moment
// the bucket holds at least as many tokens as there are creates under way.
//
// It computes in whole nanoseconds. A Bucket is used by one goroutine at a time.
type Bucket struct {
	// interval is the time in which one token comes.
	interval time.Duration
	burst    int
	// full is when the bucket is full if nothing more is taken. The tokens that
	// are missing are the time until then, divided by interval.
	full     time.Time
	reserved int
	// doubts is how many tokens of the current era are in doubt, and worth how much
	// earlier the bucket would be full without them.
	doubts int
	worth  time.Duration
	era    Era
}

// Era is a time in which the bucket was never so full that all tokens in doubt
// had come back by the passing of time alone.
type Era uint64

// NewBucket returns a full bucket with the pace and burst of l.
func NewBucket(l Limits, now time.Time) *Bucket {
	return &Bucket{interval: interval(l), burst: l.Burst, full: now}
}

// interval is rounded up, so that rounding never lets a build through.
func interval(l Limits) time.Duration {
	pace := time.Duration(l.BuildsPerMinute)
	return (time.Minute + pace - 1) / pace
}

// tokens returns the time in which n tokens come.
func tokens(n int, interval time.Duration) time.Duration {
	return time.Duration(int64(n) * int64(interval))
}

// Empty takes every token out. What is reserved stays reserved.
func (b *Bucket) Empty(now time.Time) {
	b.endEra()
	b.full = now.Add(max(tokens(b.burst, b.interval), b.missing(now)))
}

// Change applies the pace and burst of l to the tokens that are there: a new
// burst or pace creates none, and a smaller burst takes what it has no room for.
func (b *Bucket) Change(l Limits, now time.Time) {
	b.endEra()
	// The tokens there are, in units of 1/interval; fewer than none where builds
	// were under way when the burst became smaller.
	level := tokens(b.burst, b.interval) - b.missing(now)
	next := interval(l)
	whole, part := int(level/b.interval), level%b.interval
	level = tokens(whole, next) + time.Duration(float64(part)/float64(b.interval)*float64(next))
	b.interval, b.burst = next, l.Burst
	b.full = now.Add(max(tokens(b.burst, next)-level, 0))
}

// missing returns the time until the bucket is full.
func (b *Bucket) missing(now time.Time) time.Duration {
	return max(b.full.Sub(now), 0)
}

// Wait returns how long to wait for a token that can be reserved, 0 where there
// is one. A token that is released meanwhile makes the wait shorter.
func (b *Bucket) Wait(now time.Time) time.Duration {
	return max(b.missing(now)-tokens(b.burst-b.reserved-1, b.interval), 0)
}

// Reserve sets a token aside for a build that is about to be created. It is
// called only where Wait returns 0.
func (b *Bucket) Reserve() { b.reserved++ }

// Release gives back a reserved token: no build was created.
func (b *Bucket) Release() { b.reserved-- }

// Spend takes a reserved token: the build was created.
func (b *Bucket) Spend(now time.Time) {
	missing := b.missing(now)
	if b.worth = min(b.worth, missing); b.worth == 0 {
		b.endEra()
	}
	b.reserved--
	b.full = now.Add(missing + b.interval)
}

// Doubt takes a reserved token for a build that may have been created. Settle or
// Refund is called with the era that is returned once it is known.
func (b *Bucket) Doubt(now time.Time) Era {
	b.Spend(now)
	b.doubts++
	b.worth += b.interval
	return b.era
}

// Settle notes that a token taken by Doubt stays spent.
func (b *Bucket) Settle(era Era) {
	if era == b.era {
		b.doubts--
		b.worth = min(b.worth, tokens(b.doubts, b.interval))
	}
}

// Refund gives back a token taken by Doubt for a build that, as it turned out,
// was not created: as much of it as the passing of time has not given back
// already. A bucket without that token would have been full earlier, and more of
// it at once would let more through than the pace.
func (b *Bucket) Refund(era Era) {
	if era == b.era {
		b.doubts--
		refund := max(b.worth-tokens(b.doubts, b.interval), 0) // the others may be worth all of theirs
		b.worth -= refund
		b.full = b.full.Add(-refund)
	}
}

// endEra ends the time in which tokens in doubt can be refunded.
func (b *Bucket) endEra() {
	b.era++
	b.doubts, b.worth = 0, 0
}
