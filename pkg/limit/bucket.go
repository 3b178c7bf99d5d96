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
	burst    time.Duration // in tokens
	// full is when the bucket is full if nothing more is taken. The tokens that
	// are missing are the time until then, divided by interval.
	full     time.Time
	reserved time.Duration // in tokens
}

// NewBucket returns a full bucket with the pace and burst of l.
func NewBucket(l Limits, now time.Time) *Bucket {
	return &Bucket{interval: interval(l), burst: time.Duration(l.Burst), full: now}
}

// interval is rounded up, so that rounding never lets a build through.
func interval(l Limits) time.Duration {
	pace := time.Duration(l.BuildsPerMinute)
	return (time.Minute + pace - 1) / pace
}

// Empty takes every token out. What is reserved stays reserved.
func (b *Bucket) Empty(now time.Time) {
	b.full = now.Add(b.burst * b.interval)
}

// Change applies the pace and burst of l to the tokens that are there: a new
// burst or pace creates none, and a smaller burst takes what it has no room for.
func (b *Bucket) Change(l Limits, now time.Time) {
	// The tokens there are, in units of 1/interval.
	level := max(b.burst*b.interval-b.missing(now), 0)
	next := interval(l)
	tokens, part := level/b.interval, level%b.interval
	level = tokens*next + time.Duration(float64(part)/float64(b.interval)*float64(next))
	b.interval, b.burst = next, time.Duration(l.Burst)
	b.full = now.Add(max(b.burst*next-level, 0))
}

// missing returns the time until the bucket is full.
func (b *Bucket) missing(now time.Time) time.Duration {
	return max(b.full.Sub(now), 0)
}

// Wait returns how long to wait for a token that can be reserved, 0 where there
// is one. A token that is released meanwhile makes the wait shorter.
func (b *Bucket) Wait(now time.Time) time.Duration {
	return max(b.missing(now)-(b.burst-b.reserved-1)*b.interval, 0)
}

// Reserve sets a token aside for a build that is about to be created. It is
// called only where Wait returns 0.
func (b *Bucket) Reserve() { b.reserved++ }

// Release gives back a reserved token: no build was created.
func (b *Bucket) Release() { b.reserved-- }

// Spend takes a reserved token: the build was created, or may have been.
func (b *Bucket) Spend(now time.Time) {
	b.reserved--
	b.full = now.Add(b.missing(now) + b.interval)
}

// Refund gives back a token that was spent for a build that, as it turned out,
// was not created.
func (b *Bucket) Refund(now time.Time) {
	b.full = now.Add(max(b.missing(now)-b.interval, 0))
}
