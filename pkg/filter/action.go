package filter

import "fmt"

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
