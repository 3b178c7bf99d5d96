// Package delivery sees accepted builds through to their outcome. It keeps them
// while they wait, takes turns among their flows, holds them to the limits,
// writes, retries and, where nothing else is left, refuses.
//
// It is between what reads Events and the destination. It knows neither Brigade
// nor Secrets: a Sink takes a finished, named Build and returns its outcome.
// Everything here is bounded; what is shed is counted and reported.
package delivery

import (
	"cmp"
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// Build is one accepted Event on its way, named after what it is for. It keeps
// what the filter list said when the Event was accepted.
type Build struct {
	// ID is the build's identity: equal for every attempt at the same build.
	ID string
	// Destination is where the build is sent to, by name, and empty for Brigade.
	Destination string
	// ProjectID is the ID of the Brigade project that builds, empty for any other
	// destination.
	ProjectID string
	// CommitRef is the Git reference to build, for example refs/heads/master.
	CommitRef string
	// LogLevel is how much the worker logs, empty for Brigade's default.
	LogLevel string
	// Group says which Events the build stands for besides its own, for people to
	// read, and is empty where it stands for none.
	Group string
	// By is the filter that accepted the Event, for example "filters[3]".
	By string
	// Event is what happened. It must not be changed.
	Event *corev1.Event
}

// Flow returns whose turn the build takes: that of the Event's own namespace,
// within the project or the destination.
func (b *Build) Flow() limit.Flow {
	return limit.Flow{Project: cmp.Or(b.Destination, b.ProjectID), Namespace: b.Event.Namespace}
}

// Outcome is what became of a Build. Its text is the same in logs and metrics.
type Outcome string

// The outcomes. After each of them the Event is done.
const (
	// Created: the build was written.
	Created Outcome = "created"
	// Exists: the build had been written before.
	Exists Outcome = "exists"
	// Sent: the receiver took the message.
	Sent Outcome = "sent"
	// DryRun: the build would have been written.
	DryRun Outcome = "dry-run"
	// Refused: the destination will never take this one build.
	Refused Outcome = "refused"
	// Dropped: too many builds wait.
	Dropped Outcome = "dropped"
)

// Outcomes lists every Outcome.
func Outcomes() []Outcome {
	return []Outcome{Created, Exists, Sent, DryRun, Refused, Dropped}
}

// Sink is a destination of builds.
type Sink interface {
	// Write writes b and returns whether that created it or found it there. It
	// must be safe to call again after any error, a lost answer included, and by
	// several goroutines at once.
	Write(ctx context.Context, b Build) (Outcome, error)
}

// Tracker tracks which Event versions are done.
type Tracker interface {
	// Done reports that everything that the version asks for has an outcome.
	Done(version string)
}

// Reporter tells people what a log line alone would not.
type Reporter interface {
	// Warn publishes a warning. reason is CamelCase, as Event reasons are.
	Warn(reason, message string)
}

// Observer sees what became of builds.
type Observer interface {
	// Settled is called with each build that has an outcome, and why it was
	// refused or dropped. It must not wait, nor call the Queue.
	Settled(b Build, o Outcome, why string)
}

// noObserver is the Observer where there is none.
type noObserver struct{}

func (noObserver) Settled(Build, Outcome, string) {}

// refusedError marks an error as one that no retry heals.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }

func (e *refusedError) Unwrap() error { return e.err }

// Refuse marks err, for a Sink to return, as one that no retry heals.
func Refuse(err error) error { return &refusedError{err} }

// isRefused reports whether a Sink refused the build for good.
func isRefused(err error) bool {
	_, refused := errors.AsType[*refusedError](err)
	return refused
}
