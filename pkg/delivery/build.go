// Package delivery delivers accepted builds: it queues them by flow, applies the
// limits, writes them, and retries until each has an outcome.
//
// It is between pkg/source, which accepts builds, and a destination such as
// pkg/brigade. It has no code for Brigade or Secrets: a Sink writes a named Build and
// returns its outcome. Every queue is bounded, and dropped builds are counted and
// reported.
package delivery

import (
	"cmp"
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// Build is an accepted Event with its build ID, and the settings of the filter list
// that accepted it.
type Build struct {
	// ID is the build ID, which is the same for every attempt.
	ID string
	// Destination is the name of the destination, or empty for Brigade.
	Destination string
	// ProjectID is the ID of the Brigade project, or empty for other destinations.
	ProjectID string
	// CommitRef is the Git reference to build, for example refs/heads/master.
	CommitRef string
	// LogLevel is the log level of the worker, or empty for Brigade's default.
	LogLevel string
	// Group is a readable description of which Events share the build, or empty
	// without groupBy.
	Group string
	// By is the filter that accepted the Event, for example "filters[3]".
	By string
	// Event must not be changed.
	Event *corev1.Event
}

// Flow returns the flow of the build: the Event's own namespace, within the project or
// the destination.
func (b *Build) Flow() limit.Flow {
	return limit.Flow{Project: cmp.Or(b.Destination, b.ProjectID), Namespace: b.Event.Namespace}
}

// Outcome is how the delivery of a Build ended. Its text is the same in logs and
// metrics.
type Outcome string

// The outcomes. After each of them the Event is done.
const (
	// Created: the build was written.
	Created Outcome = "created"
	// Exists: the build was written before.
	Exists Outcome = "exists"
	// Sent: the receiver accepted the message.
	Sent Outcome = "sent"
	// DryRun: the build would have been written.
	DryRun Outcome = "dry-run"
	// Refused: the destination never accepts this build.
	Refused Outcome = "refused"
	// Dropped: too many builds waited.
	Dropped Outcome = "dropped"
)

// Outcomes lists every Outcome.
func Outcomes() []Outcome {
	return []Outcome{Created, Exists, Sent, DryRun, Refused, Dropped}
}

// Sink is a destination of builds.
type Sink interface {
	// Write writes b. Its outcome is Created or Sent, or Exists if b was written
	// before. It can be called again after any error, also after a lost answer, and
	// is safe for concurrent use.
	Write(ctx context.Context, b Build) (Outcome, error)
}

// Tracker tracks which Event versions are done.
type Tracker interface {
	// Done is called when the version has an outcome.
	Done(version string)
}

// Reporter publishes warnings outside of the log.
type Reporter interface {
	// Warn publishes a warning. reason is in CamelCase, as reasons of Events are.
	Warn(reason, message string)
}

// Observer observes the outcomes of builds.
type Observer interface {
	// Settled is called with the outcome of each build, and why it was refused or
	// dropped. It must not block or call the Queue.
	Settled(b Build, o Outcome, why string)
}

// noObserver is the Observer of a Queue without one.
type noObserver struct{}

func (noObserver) Settled(Build, Outcome, string) {}

// refusedError marks an error that a retry does not heal.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }

func (e *refusedError) Unwrap() error { return e.err }

// Refuse returns err, for a Sink, marked as an error that a retry does not heal.
func Refuse(err error) error { return &refusedError{err} }

// isRefused reports whether err was marked by Refuse.
func isRefused(err error) bool {
	_, refused := errors.AsType[*refusedError](err)
	return refused
}
