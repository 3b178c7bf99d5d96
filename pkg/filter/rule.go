// Package filter decides about one core/v1 Event: is it accepted, by which
// filter, and for which project.
//
// A filter list is compiled once and decides many times. The first filter that
// matches decides; where none matches the Event is rejected. The list stands
// inside the informer's ListWatch, ahead of the cache, so a decision must cost
// next to nothing and must not allocate.
//
// The package is pure: no client, no logger, no clock. What an Event says is
// all a decision depends on, so that the daemon, `explain` and a second
// replica always agree.
package filter

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// MaxRules is how many filters one list may have. The index that makes a
	// decision fast needs up to MaxRules/8 bytes for each glob, 8 MiB at this
	// bound and that of MaxGlobs; files that people write stay below a tenth of
	// either. Compile refuses more.
	MaxRules = 4096
	// MaxGlobs is how many globs the filters of one list may name between them.
	MaxGlobs = 16384
)

// Rule is one filter as its author wrote it. A Rule matches an Event when
// every condition it sets holds; a condition left empty always holds, so the
// zero Rule matches every Event.
//
// Namespace, Kind, Reasons, Name, Type and Component are lists of globs, any of
// which is to match: `*` stands for any run of characters, `?` for exactly one,
// all else for itself. A glob is compared with the whole value and respects
// case. A list that is empty, or has only empty globs, matches any value.
type Rule struct {
	// ID is the filter's name in verdicts, unique in its list. Without one it is
	// called by its place, see Path.
	ID string

	// Namespace is compared with the involved object's namespace, which is
	// empty for cluster-scoped objects. Empty or `*` means any, those included.
	Namespace []string
	// Kind is compared with the involved object's kind, for example Pod.
	Kind []string
	// Scope says whether the involved object is one with a namespace.
	Scope Scope
	// Reasons is compared with the Event's reason.
	Reasons []string
	// Name is compared with the involved object's name.
	Name []string
	// Type is compared with the Event's type, Normal or Warning.
	Type []string
	// Component is compared with what event.Component says of the Event.
	Component []string
	// Expression is a CEL expression that yields a bool; see Variables for
	// what it can refer to.
	Expression string
	// Except are conditions under which the filter does not match although all
	// of the above hold; nil is none.
	Except *Except

	// Action is what the filter decides.
	Action Action
	// Project is the project to build, by name or ID. Only an accepting Rule
	// may have one.
	Project string
	// CommitRef is the Git reference to build. Only an accepting Rule may have
	// one.
	CommitRef string
	// LogLevel is how much Brigade's worker logs, empty for its default. Only an
	// accepting Rule may have one.
	LogLevel LogLevel
	// OncePer says how many builds an accepting Rule makes of repeated Events.
	OncePer OncePer
}

// Except are the conditions of a Rule's exception, which have the meaning of
// the Rule's own. All that are set must hold.
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

// Conditions returns the conditions of r without its exception.
func (r *Rule) Conditions() Except {
	return Except{
		Namespace: r.Namespace, Kind: r.Kind, Scope: r.Scope, Reasons: r.Reasons, Name: r.Name, Type: r.Type,
		Component: r.Component, Expression: r.Expression,
	}
}

// name returns what verdicts call the filter at the 0-based index.
func (r *Rule) name(index int) string {
	if r.ID != "" {
		return r.ID
	}
	return Path(index)
}

// Path returns what the filter at the 0-based index is called where it has no ID,
// "filters[3]". Logs, metrics, errors and the command line all call it so.
func Path(index int) string {
	return fmt.Sprintf("filters[%d]", index)
}

// Action is what a filter decides. The zero value rejects, so that whatever
// was left out builds nothing.
type Action uint8

const (
	// Reject makes no build.
	Reject Action = iota
	// Accept makes a build.
	Accept
)

// ParseAction returns the Action that text names: "accept" or "reject".
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

// String returns the word that stands for a in files, logs and metrics.
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

// LogLevel is how much the worker of a build logs, in the words of
// `brig run --level`.
type LogLevel string

// LogLevels returns the levels that Brigade knows, most to say first: those of
// LogLevel in brigadier, brigade-worker 1.5.0.
func LogLevels() []string {
	return []string{"all", "log", "info", "warn", "error", "none"}
}

// ParseLogLevel returns the level that text names, and "" for none.
func ParseLogLevel(text string) (LogLevel, error) {
	if text == "" || slices.Contains(LogLevels(), text) {
		return LogLevel(text), nil
	}
	return "", fmt.Errorf("unknown log level %q; allowed are %s", text, strings.Join(LogLevels(), ", "))
}
