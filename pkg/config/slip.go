package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A YAML parser reports where it had to stop, in the terms of its grammar. The
// mistake is rarely there. The functions here look for the commonest mistakes near
// that position, and report what to write.

// slip returns the fault if it is one of the common mistakes, or else false. The parser
// failed at p, which may be anywhere after the mistake but not before it.
func (s *source) slip(p position) (position, string, bool) {
	p.line = min(max(p.line, 1), len(s.lines))
	looks := []func(position) (position, string, bool){s.strangeSpace, s.tab, s.colon}
	if s.shape.filters {
		looks = []func(position) (position, string, bool){s.template, s.strangeSpace, s.tab, s.colon, s.indentation}
	}
	for _, look := range looks {
		if where, message, ok := look(p); ok {
			return where, message, true
		}
	}
	return position{}, "", false
}

func columnOf(line string, offset int) int {
	return utf8.RuneCountInString(line[:offset]) + 1
}

// notRendered says what to do about a template.
const notRendered = "a template that has not been rendered; check the output of the template: helm template CHART | k8s-gateway check -"

// template finds actions of Go templates anywhere in the file, because they may
// break the syntax far from where they are.
func (s *source) template(position) (position, string, bool) {
	for i, line := range s.lines {
		if at := strings.Index(line, "{{"); at >= 0 && !strings.Contains(line[:at], "#") {
			return position{i + 1, columnOf(line, at)}, notRendered, true
		}
	}
	return position{}, "", false
}

// strangeSpace finds white space, which is text in YAML, where YAML needs white
// space: at the beginning of a line, and after a colon or a dash.
func (s *source) strangeSpace(p position) (position, string, bool) {
	for i := range p.line {
		line := s.lines[i]
		for at, r := range line {
			if r < utf8.RuneSelf || !unicode.IsSpace(r) && r != '\u200b' && r != '\ufeff' {
				continue
			}
			before := strings.TrimLeft(line[:at], " -")
			if before == "" || strings.HasSuffix(strings.TrimRight(before, " "), ":") {
				name := "a space"
				if r == '\u00a0' {
					name = "a non-breaking space"
				}
				return position{i + 1, columnOf(line, at)},
					fmt.Sprintf("%s (%U), which is text in YAML; replace it with an ordinary one", name, r), true
			}
		}
	}
	return position{}, "", false
}

// tab finds a tab in the indentation of a line. JSON may have tabs.
func (s *source) tab(p position) (position, string, bool) {
	if strings.HasPrefix(strings.TrimSpace(string(s.data)), "{") {
		return position{}, "", false
	}
	for i := range p.line {
		line := s.lines[i]
		indentation := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if at := strings.IndexByte(indentation, '\t'); at >= 0 && strings.TrimSpace(line) != "" {
			return position{i + 1, at + 1}, "a tab, and YAML is indented with spaces only; replace each tab with two spaces", true
		}
	}
	return position{}, "", false
}

// colon finds a key without a colon, or without the space after it, on the line of
// the failure or the line with text before it.
func (s *source) colon(p position) (position, string, bool) {
	pattern := regexp.MustCompile(`^(\s*(?:- )?)(` + strings.Join(s.shape.Keys, "|") + `)( +|:)([^\s:#].*)$`)
	for _, i := range []int{p.line - 1, s.above(p.line - 1)} {
		if i < 0 {
			continue
		}
		if match := pattern.FindStringSubmatch(s.lines[i]); match != nil {
			what := "a key without a colon"
			if match[3] == ":" {
				what = "no space after the colon"
			}
			return position{i + 1, columnOf(s.lines[i], len(match[1])+len(match[2]))},
				what + "; write " + match[2] + ": " + strings.TrimSpace(match[4]), true
		}
	}
	return position{}, "", false
}

// above returns the index of the nearest line above that has text and is not a
// comment, or -1.
func (s *source) above(i int) int {
	for i--; i >= 0; i-- {
		if text := strings.TrimSpace(s.lines[i]); text != "" && !strings.HasPrefix(text, "#") {
			return i
		}
	}
	return -1
}

// indentation finds a key of a filter that is not below the first one, and a filter
// that is not below the previous one, on the line of the failure or the next one.
func (s *source) indentation(p position) (position, string, bool) {
	key := regexp.MustCompile(`^( *)(- +)?(` + strings.Join(filterKeys(), "|") + `):`)
	for i := p.line - 1; i < min(p.line+1, len(s.lines)); i++ {
		here := key.FindStringSubmatch(s.lines[i])
		if here == nil {
			continue
		}
		column := len(here[1]) + 1
		for j := s.above(i); j >= 0; j = s.above(j) {
			other := key.FindStringSubmatch(s.lines[j])
			if len(other) == 0 || here[2] != "" && other[2] == "" {
				continue
			}
			want, what, rule := len(other[1])+len(other[2])+1, other[3], "the keys of one filter begin in the same column"
			if here[2] != "" {
				want, what, rule = len(other[1])+1, "the one", "all filters begin in the same column"
				here[3] = "this filter"
			}
			if column != want {
				return position{i + 1, column}, fmt.Sprintf("%s begins in column %d, and %s on line %d in column %d; %s",
					here[3], column, what, j+1, want, rule), true
			}
			break
		}
	}
	return position{}, "", false
}
