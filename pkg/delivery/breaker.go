package delivery

import "time"

const (
	// firstBackoff is the wait after a first failure.
	firstBackoff = 100 * time.Millisecond
	// maxProbeBackoff is the wait between two attempts while writing fails: with
	// it an outage costs a dozen attempts a minute, whatever waits, and its end
	// is noticed within as long.
	maxProbeBackoff = 5 * time.Second
	// maxRetryAfter bounds what a server may ask for with Retry-After.
	maxRetryAfter = time.Minute
)

// breaker keeps attempts few while writing fails: then one attempt is made at a
// time, further and further apart. The first that is answered lets all through.
type breaker struct {
	failing bool
	// probing is whether the one attempt is under way.
	probing bool
	// fresh says that the last attempt was the first one at its build.
	fresh   bool
	backoff time.Duration
	next    time.Time
}

// wait returns how long to wait with an attempt, and false where the end of
// another attempt is to be waited for.
func (b *breaker) wait(now time.Time) (time.Duration, bool) {
	switch {
	case !b.failing:
		return 0, true
	case b.probing:
		return 0, false
	default:
		return max(b.next.Sub(now), 0), true
	}
}

// preferFresh returns whether the next attempt is to be the first one at its
// build. Every other one is while writing fails: else some old builds that fail
// for a cause of their own would be all that is ever tried.
func (b *breaker) preferFresh() bool { return b.failing && !b.fresh }

// begin records that an attempt begins, which may be the first one at its build. It
// returns whether it is a probe.
func (b *breaker) begin(fresh bool) (probe bool) {
	b.probing, b.fresh = b.failing, fresh
	return b.failing
}

// succeed records that an attempt was answered.
func (b *breaker) succeed() { *b = breaker{} }

// fail records that an attempt failed. The server may have asked to be left alone
// for retryAfter.
func (b *breaker) fail(now time.Time, probe bool, retryAfter time.Duration) {
	if b.failing && !probe {
		return // it was under way when the first one failed
	}
	b.failing = true
	b.probing = false
	b.backoff = min(max(2*b.backoff, firstBackoff), maxProbeBackoff)
	b.next = now.Add(max(b.backoff, min(retryAfter, maxRetryAfter)))
}
