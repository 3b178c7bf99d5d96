package filter

import (
	"fmt"
	"slices"
	"strings"
)

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
