package gateway

import (
	"sync"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// fault is what keeps the gateway from its work, and since when.
type fault struct {
	since time.Time
	// why is empty while no error is known.
	why string
}

// lasted returns how long the fault has lasted, and 0 for the zero fault.
func (f fault) lasted(now time.Time) time.Duration {
	if f.since.IsZero() {
		return 0
	}
	return now.Sub(f.since)
}

// String returns ": " and the error, and nothing where none is known.
func (f fault) String() string {
	if f.why == "" {
		return ""
	}
	return ": " + f.why
}

// reading is which scopes the leader does not watch, since when and why. It is
// empty in a standby, and while all is watched.
type reading struct {
	mu     sync.Mutex
	faults map[position.Scope]fault
}

// failed records that a scope is not watched. An empty why keeps the one before.
func (r *reading) failed(scope position.Scope, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, known := r.faults[scope]
	if !known {
		f.since = time.Now()
	}
	if why != "" {
		f.why = why
	}
	if r.faults == nil {
		r.faults = map[position.Scope]fault{}
	}
	r.faults[scope] = f
}

// watched records that a scope is watched.
func (r *reading) watched(scope position.Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.faults, scope)
}

// clear forgets all faults, because this replica does not lead any more.
func (r *reading) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// longest returns the fault that has lasted longest, and the zero fault where all is
// watched. One whose cause is known goes before one of the same time.
func (r *reading) longest() fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	var longest fault
	for _, f := range r.faults {
		if longest.since.IsZero() || f.since.Before(longest.since) || f.since.Equal(longest.since) && f.why > longest.why {
			longest = f
		}
	}
	return longest
}
