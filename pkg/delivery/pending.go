package delivery

import (
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

const (
	// maxRetryBackoff bounds the wait between two attempts at one build.
	maxRetryBackoff = 15 * time.Second
	// retryEvery spaces attempts at builds that failed before, so that builds
	// which fail while others do not cost a few tens of attempts a minute,
	// however many there are. Once one of them succeeds they are let through.
	retryEvery = 2 * time.Second
)

// pending is a build without an outcome.
type pending struct {
	build Build
	// version is that of the Event in the build.
	version string
	// size is that of the Event in bytes, as the API server sends it.
	size     int
	received time.Time
	// joined is how many further Events asked for the same build. They keep no
	// memory of their own.
	joined int
	// oldest holds, for each tracker, the oldest version that asked for the
	// build. A tracker's position cannot pass it, so newer ones need no place.
	oldest []claim
	// attempts is how many have failed.
	attempts int
	// unanswered is how many attempts may have created the build.
	unanswered int
	// doubts is how many of their tokens can be refunded, which were spent in era.
	doubts int
	era    limit.Era
	// asleep is whether the build waits for its next attempt, at due.
	asleep bool
	failed time.Time
	due    time.Time
	place  int // in the queue's retries
	// writing says that an attempt is under way, and probe that it is the only
	// one.
	writing, probe bool
}

// claim is an Event version that asked for a build.
type claim struct {
	tracker Tracker
	version string
}

// Flow returns the flow of the build.
func (p *pending) Flow() limit.Flow { return p.build.Flow() }

// Before orders builds by the age of the Event version that asked first.
func (p *pending) Before(other *pending) bool {
	if c := event.CompareVersions(p.version, other.version); c != 0 {
		return c < 0
	}
	return p.build.ID < other.build.ID
}

// join records that another Event version asked for the build.
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

// backoff returns how long after its last failure the build is tried again.
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
