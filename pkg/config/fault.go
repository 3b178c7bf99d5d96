package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

const (
	// maxReported is how many faults Error reports. More have one cause, which the
	// first ones show.
	maxReported = 100
	// maxExcerpt is how many characters of a line a report shows around the
	// fault. JSON may be a single line.
	maxExcerpt = 120
)

// Severity is the consequence of a fault for the file.
type Severity uint8

const (
	// SeverityError refuses the file.
	SeverityError Severity = iota
	// SeverityWarning accepts it.
	SeverityWarning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// Fault is a fault of a filter file, and its position.
type Fault struct {
	// Severity reports whether the file is refused because of the fault.
	Severity Severity
	// File is the name of the file.
	File string
	// Line and Column are where the fault is, counted from 1, the column in
	// characters.
	Line, Column int
	// Path is the setting with the fault, for example "filters[1].action", or empty
	// if the fault is in the file as a whole.
	Path string
	// Message says what is wrong, and what is allowed or what to write.
	Message string
	// Source is that line of the file, masked like Message and Path: a URL in it has only
	// its scheme and host.
	Source string
}

// String returns the report of the fault: "file:line:col: path: message", then
// the line of the file and a caret below the column. A warning has "warning: "
// before the path.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Severity == SeverityWarning {
		b.WriteString("warning: ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	if strings.TrimSpace(f.Source) != "" {
		line, caret := excerpt(f.Source, f.Column)
		fmt.Fprintf(&b, "\n  %s\n  %s^", line, caret)
	}
	return b.String()
}

// excerpt returns the part of a line around a column, and the indentation of a
// caret below it. Both keep tabs, so that they line up in any terminal.
func excerpt(line string, column int) (shown, indent string) {
	runes := []rune(line)
	for i, r := range runes {
		if r != '\t' {
			runes[i] = printable.Rune(r)
		}
	}
	at := min(max(column-1, 0), len(runes))
	if len(runes) > maxExcerpt {
		start := min(max(at-maxExcerpt/2, 0), len(runes)-maxExcerpt)
		runes = runes[start : start+maxExcerpt]
		at -= start
	}
	caret := make([]rune, at)
	for i, r := range runes[:at] {
		caret[i] = ' '
		if r == '\t' {
			caret[i] = '\t'
		}
	}
	return string(runes), string(caret)
}

// Error is the error of a filter file that is refused. It has all faults, in the
// order of the file.
type Error struct {
	Faults []Fault
}

// Error returns the reports of the faults, separated by line breaks.
func (e *Error) Error() string {
	reports := make([]string, 0, min(len(e.Faults), maxReported)+1)
	for i, f := range e.Faults {
		if i == maxReported {
			reports = append(reports, fmt.Sprintf("%s: and %d more faults", f.File, len(e.Faults)-i))
			break
		}
		reports = append(reports, f.String())
	}
	return strings.Join(reports, "\n")
}

// inOrder sorts faults by their position in the file.
func inOrder(faults []Fault) []Fault {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return faults
}
