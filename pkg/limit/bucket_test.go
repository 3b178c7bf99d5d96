package limit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// start is when the tests of this package begin.
func start() time.Time { return time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC) }

// at returns the time so long after the start.
func at(after time.Duration) time.Time { return start().Add(after) }

// paced returns limits of a pace and a burst.
func paced(perMinute, burst int) Limits { return Limits{BuildsPerMinute: perMinute, Burst: burst} }

func TestBucket(t *testing.T) {
	t.Parallel()
	create := func(b *Bucket, n int, now time.Time) {
		for range n {
			b.Reserve()
			b.Spend(now)
		}
	}
	tests := map[string]struct {
		limits Limits
		steps  func(b *Bucket)
		after  time.Duration
		wait   time.Duration
	}{
		"a new bucket is full":                             {paced(60, 2), func(*Bucket) {}, 0, 0},
		"within the burst nothing waits":                   {paced(60, 2), func(b *Bucket) { create(b, 1, start()) }, 0, 0},
		"what follows the burst waits for its token":       {paced(60, 2), func(b *Bucket) { create(b, 2, start()) }, 0, time.Second},
		"part of a token has come":                         {paced(60, 2), func(b *Bucket) { create(b, 2, start()) }, 300 * time.Millisecond, 700 * time.Millisecond},
		"a token has come":                                 {paced(60, 2), func(b *Bucket) { create(b, 2, start()) }, time.Second, 0},
		"six hundred a minute is ten a second":             {paced(600, 1), func(b *Bucket) { create(b, 1, start()) }, 0, 100 * time.Millisecond},
		"an interval that is not a whole number is longer": {paced(7, 1), func(b *Bucket) { create(b, 1, start()) }, 0, time.Minute/7 + 1},
		"an idle period fills the bucket and no fuller":    {paced(60, 2), func(b *Bucket) { create(b, 2, start()); create(b, 2, at(time.Hour)) }, time.Hour, time.Second},

		"a reserved token cannot be reserved again":     {paced(60, 1), func(b *Bucket) { b.Reserve() }, 0, time.Second},
		"one that is reserved for long stays reserved":  {paced(60, 1), func(b *Bucket) { b.Reserve() }, time.Hour, time.Second},
		"one that is released is there at once":         {paced(60, 1), func(b *Bucket) { b.Reserve(); b.Release() }, 0, 0},
		"a token is spent when the build was created":   {paced(60, 1), func(b *Bucket) { b.Reserve(); b.Spend(at(time.Hour)) }, time.Hour, time.Second},
		"a token in doubt is spent":                     {paced(60, 1), func(b *Bucket) { b.Reserve(); b.Doubt(start()) }, 0, time.Second},
		"a refund gives it back":                        {paced(60, 1), func(b *Bucket) { b.Reserve(); b.Refund(b.Doubt(start())) }, 0, 0},
		"a refund of part of a token fills the bucket":  {paced(60, 1), func(b *Bucket) { b.Reserve(); b.Refund(b.Doubt(start())); create(b, 1, at(time.Second)) }, time.Second, time.Second},
		"what time gave back is not refunded once more": {paced(60, 1), func(b *Bucket) { b.Reserve(); era := b.Doubt(start()); create(b, 1, at(time.Hour)); b.Refund(era) }, time.Hour, time.Second},
		"a doubt that turned out true is not refunded":  {paced(60, 1), func(b *Bucket) { b.Reserve(); b.Settle(b.Doubt(start())) }, 0, time.Second},

		"an empty bucket begins with the pace":   {paced(60, 20), func(b *Bucket) { b.Empty(start()) }, 0, time.Second},
		"an empty bucket fills":                  {paced(60, 20), func(b *Bucket) { b.Empty(start()); create(b, 20, at(20*time.Second)) }, 20 * time.Second, time.Second},
		"emptying keeps what is reserved":        {paced(60, 20), func(b *Bucket) { b.Reserve(); b.Empty(start()) }, 0, 2 * time.Second},
		"a change to the same changes nothing":   {paced(60, 2), func(b *Bucket) { create(b, 2, start()); b.Change(paced(60, 2), start()) }, 0, time.Second},
		"a larger burst brings no tokens":        {paced(60, 2), func(b *Bucket) { create(b, 2, start()); b.Change(paced(60, 100), start()) }, 0, time.Second},
		"another pace counts from now on":        {paced(60, 2), func(b *Bucket) { create(b, 2, start()); b.Change(paced(6, 2), start()) }, 0, 10 * time.Second},
		"part of a token is part of a token":     {paced(60, 2), func(b *Bucket) { create(b, 2, start()); b.Change(paced(6, 2), at(time.Second/2)) }, time.Second / 2, 5 * time.Second},
		"a smaller burst keeps what it has room": {paced(60, 20), func(b *Bucket) { b.Change(paced(60, 1), start()); create(b, 1, start()) }, 0, time.Second},
		"changes of pace and back bring no token": {paced(60, 2), func(b *Bucket) {
			create(b, 2, start())
			b.Change(paced(6000, 2), start())
			b.Change(paced(60, 2), start())
		}, 0, time.Second},
		"builds in progress count against a smaller burst": {paced(60, 3), func(b *Bucket) {
			for range 3 {
				b.Reserve()
			}
			b.Change(paced(60, 1), start())
			for range 3 {
				b.Spend(start())
			}
			b.Change(paced(60, 1), start())
		}, 0, 3 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := NewBucket(tc.limits, start())
			tc.steps(b)
			if got := b.Wait(at(tc.after)); got != tc.wait {
				t.Errorf("waits %s, want %s", got, tc.wait)
			}
		})
	}
}

// TestNoWindowHoldsMoreThanBurstAndPace has several workers create builds whose
// answers take time, fail or are lost, and checks every window between two moments
// at which builds were created.
func TestNoWindowHoldsMoreThanBurstAndPace(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			l := paced(1+rng.IntN(600), 1+rng.IntN(30))
			r := &run{rng: rng, bucket: NewBucket(l, start()), workers: 1 + rng.IntN(16), maxLatency: time.Duration(1 + rng.Int64N(int64(time.Minute)))}
			if rng.IntN(3) == 0 {
				r.bucket.Empty(start())
			}
			for range 1000 {
				r.step()
			}
			slices.SortFunc(r.created, time.Time.Compare)
			for i, from := range r.created {
				for j := i; j < len(r.created); j++ {
					length := r.created[j].Sub(from)
					allowed := l.Burst + int(length*time.Duration(l.BuildsPerMinute)/time.Minute)
					if n := j - i + 1; n > allowed {
						t.Fatalf("%d builds within %s at %d a minute with a burst of %d, %d allowed", n, length, l.BuildsPerMinute, l.Burst, allowed)
					}
				}
			}
			if len(r.created) < l.Burst {
				t.Errorf("only %d builds with a burst of %d", len(r.created), l.Burst)
			}
		})
	}
}

// run is a model of what delivery does with a Bucket.
type run struct {
	rng        *rand.Rand
	bucket     *Bucket
	workers    int
	maxLatency time.Duration

	now     time.Time
	under   []attempt
	retries []*build
	created []time.Time
}

// build is one that is tried until there is an answer.
type build struct {
	exists bool
	eras   []Era
}

// attempt is a create in progress.
type attempt struct {
	build *build
	ends  time.Time
	// happens is when the build is created, or the zero time if it is not.
	happens time.Time
	lost    bool
}

// step begins an attempt if the bucket allows it, or continues with the next event.
func (r *run) step() {
	if r.now.IsZero() {
		r.now = start()
	}
	wait := r.bucket.Wait(r.now)
	if wait == 0 && len(r.under) < r.workers {
		r.begin()
		return
	}
	next := r.now.Add(wait)
	if len(r.under) == r.workers || len(r.under) > 0 && r.first().ends.Before(next) {
		r.end()
		return
	}
	r.now = next
	if r.rng.IntN(20) == 0 { // an idle period
		r.now = r.now.Add(time.Duration(r.rng.Int64N(int64(10 * time.Minute))))
		for len(r.under) > 0 && r.first().ends.Before(r.now) {
			now := r.now
			r.end()
			r.now = now
		}
	}
}

func (r *run) begin() {
	b := &build{}
	if len(r.retries) > 0 && r.rng.IntN(2) == 0 {
		b, r.retries = r.retries[0], r.retries[1:]
	}
	r.bucket.Reserve()
	latency := time.Duration(r.rng.Int64N(int64(r.maxLatency)))
	a := attempt{build: b, ends: r.now.Add(latency), lost: r.rng.IntN(4) == 0}
	if !b.exists && r.rng.IntN(3) != 0 {
		b.exists = true
		a.happens = r.now.Add(time.Duration(r.rng.Int64N(int64(latency) + 1)))
		r.created = append(r.created, a.happens)
	}
	r.under = append(r.under, a)
}

// first returns the attempt that ends first.
func (r *run) first() attempt {
	return slices.MinFunc(r.under, func(a, b attempt) int { return a.ends.Compare(b.ends) })
}

func (r *run) end() {
	a := r.first()
	r.under = slices.DeleteFunc(r.under, func(other attempt) bool { return other == a })
	if a.ends.After(r.now) {
		r.now = a.ends
	}
	refund := func(eras []Era) {
		for _, era := range eras {
			r.bucket.Refund(era)
		}
		a.build.eras = nil
	}
	switch {
	case a.lost:
		a.build.eras = append(a.build.eras, r.bucket.Doubt(r.now))
		r.retries = append(r.retries, a.build)
	case !a.happens.IsZero():
		r.bucket.Spend(r.now)
		refund(a.build.eras)
	case a.build.exists: // an attempt without an answer has created it
		r.bucket.Release()
		last := len(a.build.eras) - 1
		r.bucket.Settle(a.build.eras[last])
		refund(a.build.eras[:last])
	default:
		r.bucket.Release()
		r.retries = append(r.retries, a.build)
	}
}
