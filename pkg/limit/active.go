package limit

import "time"

const (
	// AppearWithin is how long a created build counts as active without a worker
	// pod. Brigade starts a worker within seconds. If it does not, it is down or
	// has no such project, and the build must not hold back others forever.
	// The limit of this: after an outage longer than AppearWithin, Brigade may
	// start more workers at once than ActiveBuilds.
	AppearWithin = 2 * time.Minute

	// SettleTime is how long a new leader waits, after it has counted the worker
	// pods, before it creates builds. Pods of the builds that the previous leader
	// created last appear within this time.
	SettleTime = 10 * time.Second
)

// Active counts active builds: those whose worker pod is pending or running, and
// those that are being created or were created and whose pod has not appeared
// yet. Without the latter, a whole burst would be created before its first pod
// is seen. An Active is not safe for concurrent use.
type Active struct {
	pods    map[string]struct{}
	created map[string]time.Time
}

// NewActive returns a count of no builds.
func NewActive() *Active {
	return &Active{pods: map[string]struct{}{}, created: map[string]time.Time{}}
}

// Count returns how many builds are active.
func (a *Active) Count(now time.Time) int {
	for id, at := range a.created {
		if now.Sub(at) >= AppearWithin {
			delete(a.created, id)
		}
	}
	return len(a.pods) + len(a.created)
}

// Counts reports whether the build with the given ID counts as active.
func (a *Active) Counts(id string, now time.Time) bool {
	if _, runs := a.pods[id]; runs {
		return true
	}
	at, waits := a.created[id]
	return waits && now.Sub(at) < AppearWithin
}

// Reserve counts the build with the given ID before it is created.
func (a *Active) Reserve(id string, now time.Time) {
	if _, runs := a.pods[id]; !runs {
		a.created[id] = now
	}
}

// Created notes that the build was created, or may have been. Its pod has
// AppearWithin from now on to appear.
func (a *Active) Created(id string, now time.Time) {
	if _, waits := a.created[id]; waits { // its pod has not appeared and ended meanwhile
		a.created[id] = now
	}
}

// Release takes back a reservation: the build was not created.
func (a *Active) Release(id string) { delete(a.created, id) }

// Recount forgets the worker pods before they are counted again. Builds whose
// pod has not appeared stay.
func (a *Active) Recount() { clear(a.pods) }

// Appeared notes that the build's worker pod is pending or running.
func (a *Active) Appeared(id string) {
	delete(a.created, id)
	a.pods[id] = struct{}{}
}

// Ended notes that the build's worker pod has succeeded, failed or been deleted.
func (a *Active) Ended(id string) {
	delete(a.created, id)
	delete(a.pods, id)
}

// Next returns the earliest time at which a build stops counting because its pod
// has not appeared, and false if there is no such build.
func (a *Active) Next() (time.Time, bool) {
	var next time.Time
	for _, at := range a.created {
		if expiry := at.Add(AppearWithin); next.IsZero() || expiry.Before(next) {
			next = expiry
		}
	}
	return next, !next.IsZero()
}
