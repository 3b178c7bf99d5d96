package config

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// inside returns the position in the file of the character at a byte offset of a
// text value.
//
// The text may be folded, indented, quoted or escaped in the file, and the tree has
// only the position where it begins. But YAML adds and drops nothing except white
// space, so the n-th other character of the value is the n-th other character of
// the text in the file. If they differ, the result is the beginning of the value.
func (s *source) inside(node *yaml.Node, offset int) position {
	start := at(node)
	if node.Line < 1 || node.Line > len(s.lines) {
		return start
	}
	c := s.cursor(node)
	here := c.position()
	for i, want := range node.Value {
		if i >= offset && !unicode.IsSpace(want) {
			c.skipSpace()
			return c.position()
		}
		if unicode.IsSpace(want) {
			if i >= offset {
				return here
			}
			continue
		}
		c.skipSpace()
		got, ok := c.next()
		if !ok || got != want {
			return start
		}
		here = c.position()
	}
	return here
}

// cursor reads the text of one scalar from the file.
type cursor struct {
	lines  []string
	line   int // from 0
	offset int // in bytes
	style  yaml.Style
}

// cursor returns a cursor at the first character of the scalar's text: after its
// properties, and after the opening quote or on the line below the block
// indicator.
func (s *source) cursor(node *yaml.Node) *cursor {
	c := &cursor{lines: s.lines, line: node.Line - 1, style: node.Style}
	for range node.Column - 1 {
		c.advance()
	}
	for c.skipSpace(); strings.HasPrefix(c.rest(), "&") || strings.HasPrefix(c.rest(), "!"); c.skipSpace() {
		c.offset += len(c.rest()) - len(strings.TrimLeftFunc(c.rest(), func(r rune) bool { return !unicode.IsSpace(r) }))
	}
	switch {
	case c.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		c.line++
		c.offset = 0
	case c.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		c.advance()
	}
	return c
}

// rest returns the rest of the line.
func (c *cursor) rest() string {
	if c.line >= len(c.lines) {
		return ""
	}
	return c.lines[c.line][c.offset:]
}

// advance steps over one character of the line.
func (c *cursor) advance() {
	_, width := utf8.DecodeRuneInString(c.rest())
	c.offset += width
}

func (c *cursor) position() position {
	if c.line >= len(c.lines) {
		return position{line: len(c.lines), column: 1}
	}
	return position{line: c.line + 1, column: utf8.RuneCountInString(c.lines[c.line][:c.offset]) + 1}
}

// skipSpace advances to the next character that is not white space, over ends of
// lines and escapes of white space.
func (c *cursor) skipSpace() {
	for c.line < len(c.lines) {
		rest := c.rest()
		if rest == "" {
			c.line++
			c.offset = 0
			continue
		}
		r, width := c.decode(rest)
		if !unicode.IsSpace(r) {
			return
		}
		c.offset += width
	}
}

// next returns the character at the cursor and steps over it.
func (c *cursor) next() (rune, bool) {
	rest := c.rest()
	if rest == "" {
		return 0, false
	}
	r, width := c.decode(rest)
	c.offset += width
	return r, true
}

// decode returns the first character of the text without quoting, and its length
// in the file in bytes.
func (c *cursor) decode(text string) (rune, int) {
	switch {
	case c.style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(text, "''"):
		return '\'', 2
	case c.style&yaml.DoubleQuotedStyle != 0 && text[0] == '\\':
		return unescape(text)
	default:
		return utf8.DecodeRuneInString(text)
	}
}

// unescape returns the character of a double-quoted scalar's escape sequence
// and the sequence's length (YAML 1.2, section 5.7). A backslash at the end of a line
// joins it with the next, so it counts as white space.
func unescape(text string) (rune, int) {
	if len(text) == 1 {
		return ' ', 1
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[1]]
	if digits > 0 && len(text) >= 2+digits {
		code, err := strconv.ParseUint(text[2:2+digits], 16, 32)
		if err == nil && code <= unicode.MaxRune {
			return rune(code), 2 + digits
		}
	}
	switch text[1] {
	case 'n', 't', 'r', 'v', 'f', ' ', '\t', 'N', '_', 'L', 'P':
		return ' ', 2
	case '0':
		return 0, 2
	case 'a':
		return '\a', 2
	case 'b':
		return '\b', 2
	case 'e':
		return 0x1b, 2
	default:
		r, width := utf8.DecodeRuneInString(text[1:])
		return r, 1 + width
	}
}
