package delivery

import (
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

const (
	// maxRetryBackoff is the longest wait between two attempts at one build.
	maxRetryBackoff = 15 * time.Second
	// retryEvery is the interval of attempts at builds that failed before. Builds that
	// fail while others succeed then cause a few tens of attempts a minute, however
	// many there are. It does not apply after one of them has succeeded.
	retryEvery = 2 * time.Second
)

// pending is a build without an outcome.
type pending struct {
	build Build
	// version is the resourceVersion of the Event in the build.
	version string
	// size is the size of the Event in bytes, as the API server sends it.
	size     int
	received time.Time
	// joined is the number of other Events of the same build. They take no memory.
	joined int
	// oldest has, for each tracker, the oldest version of the build. A tracker's
	// position cannot pass it, so newer ones need not be stored.
	oldest []claim
	// attempts is the number of failed attempts.
	attempts int
	// unanswered is the number of attempts that may have created the build.
	unanswered int
	// doubts is the number of their tokens that can be refunded, which were spent in
	// era.
	doubts int
	era    limit.Era
	// asleep is whether the build waits for its next attempt, at due.
	asleep bool
	failed time.Time
	due    time.Time
	place  int // in the queue's retries
	// writing is whether an attempt is in progress, and probe whether it is the only
	// one.
	writing, probe bool
}

// claim is an Event version with its tracker.
type claim struct {
	tracker Tracker
	version string
}

func (p *pending) Flow() limit.Flow { return p.build.Flow() }

// Before orders builds by the first Event version of each.
func (p *pending) Before(other *pending) bool {
	if c := event.CompareVersions(p.version, other.version); c != 0 {
		return c < 0
	}
	return p.build.ID < other.build.ID
}

// join records another Event version of the build.
func (p *pending) join(tracker Tracker, version string) {
	p.joined++
	for i, c := range p.oldest {
		if c.tracker != tracker {
			continue
		}
		if event.CompareVersions(version, c.version) < 0 {
			p.oldest[i].version, version = version, c.version
		}
		tracker.Done(version)
		return
	}
	p.oldest = append(p.oldest, claim{tracker, version})
}

// done tells the trackers that the build has an outcome.
func (p *pending) done() {
	for _, c := range p.oldest {
		c.tracker.Done(c.version)
	}
}

// backoff returns how long after its last failure the build is retried.
func (p *pending) backoff() time.Duration {
	backoff := firstBackoff
	for range p.attempts - 1 {
		if backoff *= 2; backoff >= maxRetryBackoff {
			return maxRetryBackoff
		}
	}
	return backoff
}

// retries is a heap, for container/heap, of builds that sleep, ordered by the time of
// their next attempt.
type retries []*pending

func (r *retries) Len() int { return len(*r) }

func (r *retries) Less(i, j int) bool { return (*r)[i].due.Before((*r)[j].due) }

func (r *retries) Swap(i, j int) {
	all := *r
	all[i], all[j] = all[j], all[i]
	all[i].place, all[j].place = i, j
}

func (r *retries) Push(x any) {
	p, _ := x.(*pending)
	p.place = len(*r)
	*r = append(*r, p)
}

func (r *retries) Pop() any {
	old := *r
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*r = old[:len(old)-1]
	return last
}
