package limit

import (
	"time"

	"golang.org/x/time/rate"
)

// Pace spaces builds by BuildsPerMinute and Burst: a token bucket that is full
// at the start.
type Pace struct {
	bucket *rate.Limiter
}

// NewPace returns the Pace of the given limits.
func NewPace(l Limits) *Pace {
	return &Pace{bucket: rate.NewLimiter(rate.Limit(l.BuildsPerMinute)/60, l.Burst)}
}

// Take takes a place for the next build and returns how long from now it has
// to wait for it, 0 where it need not.
func (p *Pace) Take(now time.Time) time.Duration {
	return p.bucket.ReserveN(now, 1).DelayFrom(now)
}
