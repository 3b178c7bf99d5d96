package config

import (
	"fmt"
	"regexp"
	"strings"
)

// marks are what a regular expression is recognized by.
const marks = `^\^|\$$|[\[\]()\\+]|^=?~|^/.*/$|^re(gex)?:|\{[0-9,]+\}`

// Compiled once: a list is checked with each key that is pressed in its editor.
var (
	marksInNames   = regexp.MustCompile(marks + `|(^|[^A-Za-z0-9*?])\.\*`)
	marksElsewhere = regexp.MustCompile(marks + `|\.[*+?]`)
	// pieces are the parts of a regular expression, as globsOf turns them into globs.
	pieces = regexp.MustCompile(`\((?:\?:)?([^()|]+(?:\|[^()|]+)+)\)|(\.[*+]\??)|((?:\[[^\]]*\]|\\[dwsDWS])[*+?]?(?:\{[0-9,]+\})?)|(\\.)|([\^$])|([()+{}\[\]|])|(.)`)
)

// regularExpression finds regular expressions. A dot before a star may be meant in
// names, which have dots; other values have none.
func (v value) regularExpression() string {
	marks := marksElsewhere
	if v.key == "name" || v.key == "component" {
		marks = marksInNames
	}
	if !marks.MatchString(v.text) {
		return ""
	}
	globs, exact := globsOf(v.text)
	message := fmt.Sprintf("%q is a regular expression, and only * and ? are wildcards here; ", v.text)
	if len(globs) > 0 {
		message += v.write(globs...)
		if exact {
			return message
		}
		message += ", or "
	}
	return message + fmt.Sprintf("write expression: %s.matches(%q)", v.field(), bare(v.text, true))
}

// bare returns a regular expression without the marks of other tools, and with
// anchors if they compare it with the whole value or if asked to.
func bare(text string, anchored bool) string {
	text = strings.TrimLeft(text, "=~")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "regex:"), "re:")
	if len(text) > 2 && strings.HasPrefix(text, "/") && strings.HasSuffix(text, "/") {
		return text[1 : len(text)-1]
	}
	if anchored && !strings.HasPrefix(text, "^") && !strings.HasSuffix(text, "$") {
		return "^" + text + "$"
	}
	return text
}

// globsOf converts a regular expression to globs. exact reports whether they match
// the same values. It returns none if they would match anything.
func globsOf(expression string) (globs []string, exact bool) {
	text := bare(expression, false)
	first, last := strings.HasPrefix(text, "^"), strings.HasSuffix(text, "$")
	searched := text != expression && strings.HasSuffix(expression, "/")
	if (last || searched) && !first && !strings.HasPrefix(text, ".*") {
		text = ".*" + text
	}
	if (first || searched) && !last && !strings.HasSuffix(text, ".*") {
		text += ".*"
	}
	exact = true
	texts := []string{""}
	add := func(more ...string) {
		var next []string
		for _, head := range texts {
			for _, tail := range more {
				next = append(next, head+tail)
			}
		}
		texts = next
	}
	for _, match := range pieces.FindAllStringSubmatch(text, -1) {
		switch {
		case match[1] != "":
			if len(texts) > 8 {
				return nil, false
			}
			add(strings.Split(match[1], "|")...)
		case match[2] != "":
			add("*")
			exact = exact && strings.HasPrefix(match[2], ".*")
		case match[3] != "":
			exact = false
			if strings.HasSuffix(match[3], "]") || len(match[3]) == 2 {
				add("?")
			} else {
				add("*")
			}
		case match[4] != "":
			add(match[4][1:])
		case match[5] != "":
		case match[6] != "":
			exact = false
		default:
			add(match[7])
		}
	}
	for _, g := range texts {
		if strings.Trim(g, "*?") == "" {
			return nil, false
		}
	}
	return texts, exact
}
