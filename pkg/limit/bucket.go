package limit

import "time"

// Bucket is the token bucket of BuildsPerMinute and Burst. A token is reserved
// before a build is created and spent when it was created. At any moment the
// bucket holds at least as many tokens as there are create calls in progress, so
// that no window of time has more created builds than the burst plus the pace
// times its length, however long the API server takes to answer.
//
// It computes in whole nanoseconds. A Bucket is not safe for concurrent use.
type Bucket struct {
	// interval is the time in which one token is added.
	interval time.Duration
	burst    int
	// full is when the bucket will be full if no more is taken. The number of
	// missing tokens is the time until then divided by interval.
	full     time.Time
	reserved int
	// doubts is how many tokens of the current era are in doubt. worth is how
	// much earlier the bucket would be full without them.
	doubts int
	worth  time.Duration
	era    Era
}

// Era is a period in which the bucket was never so full that time alone had
// added all tokens in doubt again.
type Era uint64

// NewBucket returns a full bucket with the pace and burst of l.
func NewBucket(l Limits, now time.Time) *Bucket {
	return &Bucket{interval: interval(l), burst: l.Burst, full: now}
}

// interval rounds up, so that rounding never allows a build.
func interval(l Limits) time.Duration {
	pace := time.Duration(l.BuildsPerMinute)
	return (time.Minute + pace - 1) / pace
}

// tokens returns the time in which n tokens are added.
func tokens(n int, interval time.Duration) time.Duration {
	return time.Duration(int64(n) * int64(interval))
}

// Empty removes all tokens. What is reserved stays reserved.
func (b *Bucket) Empty(now time.Time) {
	b.endEra()
	b.full = now.Add(max(tokens(b.burst, b.interval), b.missing(now)))
}

// Change applies a new pace and burst. It adds no tokens, and removes those that
// do not fit into a smaller burst.
func (b *Bucket) Change(l Limits, now time.Time) {
	b.endEra()
	// The tokens in units of 1/interval; negative if builds were being created
	// when the burst became smaller.
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

// Wait returns how long to wait until a token can be reserved, 0 if one can be
// now. A token that is released makes the wait shorter.
func (b *Bucket) Wait(now time.Time) time.Duration {
	return max(b.missing(now)-tokens(b.burst-b.reserved-1, b.interval), 0)
}

// Reserve reserves a token for a build before it is created. It may be called
// only when Wait returns 0.
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

// Refund gives back a token taken by Doubt for a build that was not created, but
// only the part that time has not added again: without that token the bucket
// would have been full earlier, and more would exceed the pace.
func (b *Bucket) Refund(era Era) {
	if era == b.era {
		b.doubts--
		refund := max(b.worth-tokens(b.doubts, b.interval), 0) // the others may be worth all of theirs
		b.worth -= refund
		b.full = b.full.Add(-refund)
	}
}

// endEra ends the period in which tokens in doubt can be refunded.
func (b *Bucket) endEra() {
	b.era++
	b.doubts, b.worth = 0, 0
}
