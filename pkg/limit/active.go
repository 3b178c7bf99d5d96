package limit

import "time"

// AppearWithin is how long a build that was written counts as active without a
// worker pod to show for it. Brigade starts a worker within seconds; where it
// has not by then it is down, or the project is unknown to it, and the build
// must not hold others back for ever. The price: when Brigade comes back after
// a longer outage, it may start more workers at once than ActiveBuilds.
const AppearWithin = 2 * time.Minute

// Active counts the builds that are active: those whose worker pod is pending
// or running, and those just written whose pod has not appeared yet. Without
// the latter a burst would pass before its first pod is seen.
type Active struct {
	limit   int
	pods    map[string]struct{}
	written map[string]time.Time
}

// NewActive returns a count that lets limit builds be active at the same time.
func NewActive(limit int) *Active {
	return &Active{limit: limit, pods: map[string]struct{}{}, written: map[string]time.Time{}}
}

// Admit counts the build with the given ID as active and returns true, or
// returns false when that would be one too many.
func (a *Active) Admit(id string, now time.Time) bool {
	if a.count(now) >= a.limit {
		return false
	}
	if _, runs := a.pods[id]; !runs {
		a.written[id] = now
	}
	return true
}

// Withdraw takes back an admission: no new build came of it.
func (a *Active) Withdraw(id string) {
	delete(a.written, id)
}

// Appeared notes that the build's worker pod is pending or running.
func (a *Active) Appeared(id string) {
	delete(a.written, id)
	a.pods[id] = struct{}{}
}

// Ended notes that the build's worker pod has succeeded, failed or gone.
func (a *Active) Ended(id string) {
	delete(a.written, id)
	delete(a.pods, id)
}

// Next returns when room will be made by time alone, and whether it will.
func (a *Active) Next() (time.Time, bool) {
	var next time.Time
	for _, at := range a.written {
		if expiry := at.Add(AppearWithin); next.IsZero() || expiry.Before(next) {
			next = expiry
		}
	}
	return next, !next.IsZero()
}

// count forgets what was written long ago without a pod, and counts the rest.
func (a *Active) count(now time.Time) int {
	for id, at := range a.written {
		if now.Sub(at) >= AppearWithin {
			delete(a.written, id)
		}
	}
	return len(a.pods) + len(a.written)
}
