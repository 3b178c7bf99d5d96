package delivery

import "time"

const (
	// firstBackoff is the wait after the first failure.
	firstBackoff = 100 * time.Millisecond
	// maxProbeBackoff is the longest wait between two attempts while writing fails.
	// An outage then causes a dozen attempts a minute, however many builds wait, and
	// its end is noticed within this time.
	maxProbeBackoff = 5 * time.Second
)

// MaxRetryAfter is the longest Retry-After that is respected.
const MaxRetryAfter = time.Minute

// breaker is a circuit breaker. While writing fails, it allows one attempt at a time,
// with growing pauses. The first success allows all attempts again, after Retry-After.
type breaker struct {
	failing bool
	// probing is whether this one attempt is in progress.
	probing bool
	// fresh is whether the last attempt was the first of its build.
	fresh   bool
	backoff time.Duration
	next    time.Time
	// notBefore is the end of the longest Retry-After. Neither a success nor a failure of
	// what was in progress ends it earlier.
	notBefore time.Time
}

// wait returns how long to wait before an attempt, and false if another attempt must
// end first.
func (b *breaker) wait(now time.Time) (time.Duration, bool) {
	if b.failing && b.probing {
		return 0, false
	}
	pause := b.notBefore.Sub(now)
	if b.failing {
		pause = max(pause, b.next.Sub(now))
	}
	return max(pause, 0), true
}

// preferFresh reports whether the next attempt should be the first of its build. While
// writing fails every second one is, because otherwise only old builds that fail for
// their own reasons might be attempted.
func (b *breaker) preferFresh() bool { return b.failing && !b.fresh }

// begin records that an attempt begins, and whether it is the first of its build. It
// reports whether the attempt is a probe.
func (b *breaker) begin(fresh bool) (probe bool) {
	b.probing, b.fresh = b.failing, fresh
	return b.failing
}

// succeed records that an attempt was answered.
func (b *breaker) succeed() { *b = breaker{notBefore: b.notBefore} }

// fail records that an attempt failed. retryAfter is the server's Retry-After, or 0.
func (b *breaker) fail(now time.Time, probe bool, retryAfter time.Duration) {
	if until := now.Add(min(retryAfter, MaxRetryAfter)); until.After(b.notBefore) {
		b.notBefore = until
	}
	if b.failing && !probe {
		return // it was in progress when the first one failed
	}
	b.failing = true
	b.probing = false
	b.backoff = min(max(2*b.backoff, firstBackoff), maxProbeBackoff)
	b.next = now.Add(b.backoff)
}
