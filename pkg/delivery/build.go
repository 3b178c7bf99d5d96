// Package delivery brings accepted builds to where they go: it queues, paces,
// writes, retries and, where nothing else is left, refuses.
//
// It stands between the guard and the destination. It knows neither Brigade
// nor Secrets: a Sink takes a finished, named Build and says what became of
// it. Everything here is bounded; what is shed is counted and reported.
package delivery

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
)

// Build is one accepted Event on its way, named after what it is for.
type Build struct {
	// ID is the build's identity: equal for every attempt at the same build.
	ID string
	// ProjectID is the ID of the Brigade project that builds.
	ProjectID string
	// By is the filter that accepted the Event, for example "filters[3]".
	By string
	// Event is what happened. It is shared with the informer's cache and must
	// not be changed.
	Event *corev1.Event
}

// Outcome is what became of a Build. Its text is the same in logs and metrics.
type Outcome string

// The outcomes. After each of them the Event is done with.
const (
	// Created: the build was written.
	Created Outcome = "created"
	// Exists: the build had been written before, by whoever.
	Exists Outcome = "exists"
	// DryRun: the build would have been written.
	DryRun Outcome = "dry-run"
	// Refused: the destination will never take this one build.
	Refused Outcome = "refused"
	// Dropped: the queue was full.
	Dropped Outcome = "dropped"
)

// Outcomes lists every Outcome, for whoever needs one counter for each.
func Outcomes() []Outcome {
	return []Outcome{Created, Exists, DryRun, Refused, Dropped}
}

// Sink is a destination of builds.
type Sink interface {
	// Write writes b and says whether that created it or found it there. It
	// must be safe to call again after any error, an answer that got lost
	// included, and by several goroutines at once.
	Write(ctx context.Context, b Build) (Outcome, error)
}

// Gate holds builds back.
type Gate interface {
	// Wait returns nil when b may be written, or the context's error. It is
	// called once for each build that is not dropped, one at a time.
	Wait(ctx context.Context, b Build) error
	// Settle tells the outcome of a build that Wait let pass.
	Settle(b Build, o Outcome)
}

// Reporter tells people what a log line alone would not.
type Reporter interface {
	// Warn publishes a warning. reason is CamelCase, as Event reasons are.
	Warn(reason, message string)
}

// errRefused marks an error as one that no retry heals.
var errRefused = errors.New("refused for good")

// Refuse marks err, for a Sink to return, as one that no retry heals.
func Refuse(err error) error {
	return errors.Join(errRefused, err)
}
