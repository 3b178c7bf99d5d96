// Package filter decides on an Event with a filter list: whether it is accepted,
// by which filter, and for which project.
//
// A list is compiled once and decides on each Event as it is read. The first
// filter that matches decides; if none matches, the Event is rejected. A
// decision does not allocate and takes nanoseconds.
//
// The package is pure: no client, no logger, no clock. A decision depends on the
// Event only, so that the daemon, explain and all replicas agree.
package filter

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// MaxRules is the number of filters that a list may have. The index takes up
	// to MaxRules/8 bytes for each glob, which is 8 MiB at this bound and that of
	// MaxGlobs. Files written by hand have less than a tenth of either.
	MaxRules = 4096
	// MaxGlobs is the number of globs that all filters of a list may have.
	MaxGlobs = 16384
)

// Rule is a filter as written in a filter file. It matches an Event if all its
// conditions hold. An empty condition always holds, so the zero Rule matches
// every Event.
//
// Namespace, Kind, Reasons, Name, Type and Component are lists of globs, one of
// which must match: `*` matches any number of characters, `?` exactly one. A
// glob is compared with the whole value, case-sensitively. A list that is empty,
// or has only empty globs, matches any value.
type Rule struct {
	// ID is the filter's name in verdicts, unique in its list. Without an ID its
	// name is its Path.
	ID string

	// Namespace is compared with the involved object's namespace, which is
	// empty for cluster-scoped objects. Empty or `*` matches those too.
	Namespace []string
	// Kind is compared with the involved object's kind, for example Pod.
	Kind []string
	// Scope is whether the involved object has a namespace.
	Scope Scope
	// Reasons is compared with the Event's reason.
	Reasons []string
	// Name is compared with the involved object's name.
	Name []string
	// Type is compared with the Event's type, Normal or Warning.
	Type []string
	// Component is compared with event.Component.
	Component []string
	// Expression is a CEL expression that yields a bool, see pkg/expression.
	Expression string
	// Except are the conditions of an exception: if they hold, the filter does
	// not match. May be nil.
	Except *Except

	// Action is what the filter decides.
	Action Action
	// Destination is where an accepted Event is sent to, by name, and empty for
	// Brigade. Only an accepting Rule may have one, and then it has no project,
	// Git reference or log level, which are Brigade's.
	Destination string
	// Project is the project to build, by name or ID. Only an accepting Rule
	// may have one.
	Project string
	// CommitRef is the Git reference to build. Accept only.
	CommitRef string
	// LogLevel is the log level of Brigade's worker, empty for its default.
	// Accept only.
	LogLevel LogLevel
	// OncePer is which repeated Events share a build. Accept only.
	OncePer OncePer
}

// Except has the conditions of an exception. They have the meaning of those of
// Rule, and all must hold.
type Except struct {
	Namespace  []string
	Kind       []string
	Scope      Scope
	Reasons    []string
	Name       []string
	Type       []string
	Component  []string
	Expression string
}

// Conditions returns the conditions of r, without those of its exception.
func (r *Rule) Conditions() Except {
	return Except{
		Namespace: r.Namespace, Kind: r.Kind, Scope: r.Scope, Reasons: r.Reasons, Name: r.Name, Type: r.Type,
		Component: r.Component, Expression: r.Expression,
	}
}

// name returns the name in verdicts of the filter at the 0-based index.
func (r *Rule) name(index int) string {
	if r.ID != "" {
		return r.ID
	}
	return Path(index)
}

// Path returns the path of the filter at the 0-based index in a filter file,
// "filters[3]". It is the name of a filter without an ID.
func Path(index int) string {
	return fmt.Sprintf("filters[%d]", index)
}

// Action is what a filter decides. The zero value is Reject, so that an Action
// that is not set builds nothing.
type Action uint8

const (
	// Reject creates no build.
	Reject Action = iota
	// Accept creates a build.
	Accept
)

// ParseAction parses "accept" or "reject".
func ParseAction(text string) (Action, error) {
	switch text {
	case "reject":
		return Reject, nil
	case "accept":
		return Accept, nil
	default:
		return Reject, fmt.Errorf("unknown action %q; allowed are accept and reject", text)
	}
}

// String returns the word for a in files, logs and metrics.
func (a Action) String() string {
	switch a {
	case Reject:
		return "reject"
	case Accept:
		return "accept"
	default:
		return fmt.Sprintf("Action(%d)", uint8(a))
	}
}

// LogLevel is the log level of a build's worker, as in `brig run --level`.
type LogLevel string

// LogLevels returns the levels of Brigade, the most verbose first: LogLevel in
// brigadier, brigade-worker 1.5.0.
func LogLevels() []string {
	return []string{"all", "log", "info", "warn", "error", "none"}
}

// ParseLogLevel parses one of LogLevels, or "".
func ParseLogLevel(text string) (LogLevel, error) {
	if text == "" || slices.Contains(LogLevels(), text) {
		return LogLevel(text), nil
	}
	return "", fmt.Errorf("unknown log level %q; allowed are %s", text, strings.Join(LogLevels(), ", "))
}
