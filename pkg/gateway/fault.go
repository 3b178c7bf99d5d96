package gateway

import (
	"sync"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// fault is a problem, and the time since which it lasts.
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

// String returns ": " and the error, or nothing if no error is known.
func (f fault) String() string {
	if f.why == "" {
		return ""
	}
	return ": " + f.why
}

// reading has the scopes that the leader does not watch, with the time and the cause.
// It is empty in a standby, and while all scopes are watched.
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

func (r *reading) watched(scope position.Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.faults, scope)
}

// clear removes all faults when this replica stops leading.
func (r *reading) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// longest returns the fault that has lasted longest, or the zero fault if all scopes
// are watched. Of two of the same time it prefers one with an error.
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
