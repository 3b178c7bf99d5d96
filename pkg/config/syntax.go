package config

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	goccy "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// Limits of files that goccy/go-yaml is asked about. Its time and memory grow with
// the square of a file's length and depth: 1 MiB of brackets takes more memory than
// a node has. Files that people write are far below the limits; above, a report has
// only the line of yaml/v3.
const (
	maxDoubtfulSize     = 64 << 10
	maxDoubtfulBrackets = 2000
	maxDoubtfulDashes   = 20 // on one line: `- - a` nests too
)

// syntaxFault converts a syntax error of yaml/v3 to a fault. yaml/v3 has a line at
// best, and often that of the context. So if goccy/go-yaml refuses the file too,
// its position and message are used.
func (s *source) syntaxFault(err error) *Fault {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	p := position{1, 1}
	if match := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(message); match != nil {
		p.line, _ = strconv.Atoi(match[1]) // 0 on overflow, which fault moves into the file
		message = match[2]
	}
	if alias, ok := s.strayAlias(message); ok {
		f := s.fault(alias, "", "a value that starts with * is a YAML alias; put a glob in quotes")
		return &f
	}
	if where, r, ok := s.forbidden(); ok {
		f := s.fault(where, "", "the character %U, which YAML does not allow; remove it, and save the file as UTF-8", r)
		return &f
	}
	if better, words, ok := s.secondOpinion(); ok {
		p, message = better, words
	}
	if where, words, ok := s.slip(p); ok {
		f := s.fault(where, "", "not valid YAML: %s", words)
		return &f
	}
	f := s.fault(p, "", "not valid YAML: %s%s", message, s.quotingHint(p))
	return &f
}

// forbidden returns the first character that YAML does not allow (YAML 1.2.2, section 5.1).
func (s *source) forbidden() (position, rune, bool) {
	for i, line := range s.lines {
		for at, r := range line {
			if unicode.IsControl(r) && !strings.ContainsRune("\t\r\u0085", r) || r == '\ufffe' || r == '\uffff' {
				return position{i + 1, columnOf(line, at)}, r, true
			}
		}
	}
	return position{}, 0, false
}

// strayAlias finds an alias without an anchor, which is the commonest mistake in a
// file with globs.
func (s *source) strayAlias(message string) (position, bool) {
	alias := regexp.MustCompile(`(?:^|[:\-,\[]\s*)(\*)([\s\],}]|$)`)
	if match := regexp.MustCompile(`^unknown anchor '(.+)' referenced$`).FindStringSubmatch(message); match != nil {
		alias = regexp.MustCompile(`(?:^|[:\-,\[\s])(\*)` + regexp.QuoteMeta(match[1]))
	} else if message != "did not find expected alphabetic or numeric character" {
		return position{}, false
	}
	for i, line := range s.lines {
		found := alias.FindStringSubmatchIndex(line)
		if len(found) < 4 || strings.Contains(line[:found[2]], "#") {
			continue
		}
		return position{i + 1, utf8.RuneCountInString(line[:found[2]]) + 1}, true
	}
	return position{}, false
}

// secondOpinion asks goccy/go-yaml where the syntax error is.
func (s *source) secondOpinion() (p position, message string, ok bool) {
	if !s.withinLimits() {
		return position{}, "", false
	}
	// It may panic on an invalid file. A report without a column is better than
	// none.
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	_, err := parser.ParseBytes(s.data, 0)
	var syntax *goccy.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil || syntax.Token.Position == nil {
		return position{}, "", false
	}
	return position{syntax.Token.Position.Line, syntax.Token.Position.Column}, syntax.Message, true
}

// withinLimits reports whether the file is within the limits for goccy/go-yaml.
func (s *source) withinLimits() bool {
	brackets := bytes.Count(s.data, []byte("[")) + bytes.Count(s.data, []byte("{"))
	return len(s.data) <= maxDoubtfulSize && brackets <= maxDoubtfulBrackets &&
		!slices.ContainsFunc(s.lines, func(line string) bool {
			return strings.Count(line, "- ")+strings.Count(line, "? ") > maxDoubtfulDashes
		})
}

// quotingHint returns a hint if the cause is probably punctuation in a text without
// quotes, such as an expression.
func (s *source) quotingHint(p position) string {
	if p.line <= len(s.lines) && strings.Contains(s.lines[max(p.line, 1)-1], "expression:") {
		return "; write the expression below `expression: |`, where nothing needs quotes"
	}
	return ""
}
