package ui

import (
	"sync"
	"time"
)

// Status is what the daemon is doing.
type Status struct {
	// Role is what this replica does: "leading", "standing by" or "starting".
	Role string `json:"role"`
	// Replica is this process, and Leader the one that leads, if known.
	Replica string `json:"replica"`
	Leader  string `json:"leader,omitempty"`
	// Ready is why the gateway is not ready, and Notes are other problems.
	Ready string   `json:"ready,omitempty"`
	Notes []string `json:"notes,omitempty"`
	// Stored names the ConfigMap with the position; empty if none is stored.
	Stored    string     `json:"stored,omitempty"`
	Positions []Position `json:"positions"`
	// HeldSince is the time since which the position has not moved although builds wait.
	HeldSince time.Time `json:"heldSince,omitzero"`
	// Waiting is how many builds have no outcome, Oldest since when the oldest
	// of them has waited, and Flows who they are for, the longest flow first.
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Flows   []Flow    `json:"flows"`
	// Held is the limit that holds builds back; nil if none does.
	Held *Held `json:"held,omitempty"`
	// Failing is whether the last attempt to write failed.
	Failing bool `json:"failing,omitempty"`
	// Destinations are where builds go; empty if that is Brigade alone.
	Destinations []Destination `json:"destinations,omitempty"`

	DryRun bool    `json:"dryRun,omitempty"`
	File   File    `json:"file"`
	Builds []Build `json:"builds"`
	Lost   []Lost  `json:"lost"`
}

// Position is the position of a scope.
type Position struct {
	Scope   string `json:"scope"`
	Version string `json:"version"`
}

// Flow is how many builds wait for one namespace of one project or destination.
type Flow struct {
	Namespace string `json:"namespace"`
	Project   string `json:"project"`
	Waiting   int    `json:"waiting"`
}

// Held is a limit that holds builds back.
type Held struct {
	// Limit is its name in the filter file.
	Limit string    `json:"limit"`
	Since time.Time `json:"since"`
	// Until is when the next build may be created; zero if that depends on
	// builds that run.
	Until time.Time `json:"until,omitzero"`
}

// Destination is what waits for one destination.
type Destination struct {
	Name    string    `json:"name"`
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"`
	// Limit is the limit that holds builds back; empty if none does.
	Limit string `json:"limit,omitempty"`
	// Failing is whether the last attempt to write failed.
	Failing bool `json:"failing,omitempty"`
}

// File is the filter file in use.
type File struct {
	// Name is its path; empty if there is none.
	Name    string    `json:"name,omitempty"`
	Filters int       `json:"filters"`
	Loaded  time.Time `json:"loaded,omitzero"`
	// Refused is when a changed file was refused last, and Report why. It is zero if
	// the file that was read last is in use.
	Refused time.Time `json:"refused,omitzero"`
	Report  string    `json:"report,omitempty"`
}

// Build is a build that was created, or a message that was sent.
type Build struct {
	ID string `json:"id"`
	// Project is the ID of the project of a build, Destination that of a message.
	Project     string    `json:"project,omitempty"`
	Destination string    `json:"destination,omitempty"`
	At          time.Time `json:"at"`
	Event       string    `json:"event"`
	By          string    `json:"by"`
	Short       string    `json:"short"`
	Long        string    `json:"long"`
	// Command shows its log; empty for a message.
	Command string `json:"command,omitempty"`
}

// Lost is a build that was refused or dropped.
type Lost struct {
	// Outcome is "refused" or "dropped", and Reason why.
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
}

const (
	// keptBuilds and keptLost are how many outcomes are shown.
	keptBuilds = 50
	keptLost   = 50
	// maxTitle and maxReason bound their texts, in bytes.
	maxTitle  = 1200
	maxReason = 2000
)

// Outcomes keeps the latest builds, and the latest that were lost. It takes
// less than 300 KiB.
type Outcomes struct {
	mu     sync.Mutex
	builds []Build
	lost   []Lost
}

// Created adds a build that was created.
func (o *Outcomes) Created(b Build) {
	b.Long, _ = cut(b.Long, maxTitle)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.builds = latest(o.builds, b, keptBuilds)
}

// Lose adds a build that was refused or dropped.
func (o *Outcomes) Lose(l Lost) {
	l.Reason, _ = cut(l.Reason, maxReason)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost = latest(o.lost, l, keptLost)
}

// Latest returns both, newest first.
func (o *Outcomes) Latest() ([]Build, []Lost) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return reversed(o.builds), reversed(o.lost)
}

// latest adds x to the end of all, and removes the oldest if there are more than n.
func latest[T any](all []T, x T, n int) []T {
	if len(all) == n {
		copy(all, all[1:])
		all = all[:n-1]
	}
	return append(all, x)
}

func reversed[T any](all []T) []T {
	out := make([]T, len(all))
	for i, x := range all {
		out[len(all)-1-i] = x
	}
	return out
}
