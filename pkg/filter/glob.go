package filter

import (
	"strings"
	"unicode/utf8"
)

// form is how a glob is compared. Most globs in filter files are words or end
// with a star, and these do not need the general matcher.
type form uint8

const (
	// anything matches every value.
	anything form = iota
	// exact compares text with the whole value.
	exact
	// prefix compares text with the start of the value.
	prefix
	// suffix compares text with the end of the value.
	suffix
	// infix looks for text anywhere in the value.
	infix
	// ending compares the end of the value with text, the whole glob: a star
	// and then at least one question mark, but no star.
	ending
	// general runs text, the whole glob, through match.
	general
)

// glob is a compiled text condition.
type glob struct {
	form form
	// text is the literal part, for ending and general the whole glob.
	text string
}

// newGlob compiles a glob. Every text is valid.
func newGlob(text string) glob {
	for strings.Contains(text, "**") {
		text = strings.ReplaceAll(text, "**", "*")
	}
	wild := strings.IndexAny(text, "*?")
	switch {
	case text == "*":
		return glob{form: anything}
	case wild < 0:
		return glob{form: exact, text: text}
	case wild == len(text)-1 && text[wild] == '*':
		return glob{form: prefix, text: text[:wild]}
	case text[0] == '*' && !strings.ContainsAny(text[1:], "*?"):
		return glob{form: suffix, text: text[1:]}
	case text[0] == '*' && strings.IndexAny(text[1:], "*?") == len(text)-2 && text[len(text)-1] == '*':
		return glob{form: infix, text: text[1 : len(text)-1]}
	case text[0] == '*' && !strings.Contains(text[1:], "*"):
		return glob{form: ending, text: text}
	default:
		return glob{form: general, text: text}
	}
}

// matches reports whether g matches the whole of value.
func (g glob) matches(value string) bool {
	switch g.form {
	case anything:
		return true
	case exact:
		return g.text == value
	case prefix:
		return strings.HasPrefix(value, g.text)
	case suffix:
		return strings.HasSuffix(value, g.text)
	case infix:
		return strings.Contains(value, g.text)
	case ending:
		return matchEnd(g.text, value)
	default:
		return match(g.text, value, false)
	}
}

// String returns the glob as it was written, with one star for several in a row.
func (g glob) String() string {
	switch g.form {
	case anything:
		return "*"
	case prefix:
		return g.text + "*"
	case suffix:
		return "*" + g.text
	case infix:
		return "*" + g.text + "*"
	default:
		return g.text
	}
}

// covers reports whether g provably matches every value that other matches. It
// matches g with the text of other. That is sound because only a star of g can
// match a star of other, which represents any number of characters.
func (g glob) covers(other glob) bool {
	if g.form == exact || other.form == exact {
		return g.matches(other.text) && (g.form != exact || other.form == exact)
	}
	return match(g.String(), other.String(), true)
}

// match compares a glob with the whole of value. It backtracks only to the last
// star, so it takes at most len(pattern)*len(value) steps, and it does not
// allocate. A character is a rune, or a byte that is not part of a rune. If value
// is a glob (see covers), `?` does not match a star.
func match(pattern, value string, isGlob bool) bool {
	p, v := 0, 0
	star, retry := -1, 0 // where to backtrack to: after the star, in the value
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			star, retry = p, v
		case p < len(pattern) && pattern[p] == '?' && (!isGlob || value[v] != '*'):
			p++
			v += width(value[v:])
		case p < len(pattern) && pattern[p] == value[v]:
			p++
			v++
		case star >= 0:
			retry += width(value[retry:])
			p, v = star, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchEnd is match for a pattern whose only star is its first character. It
// compares from the end, where most values fail at once. At a character of
// several bytes it calls match instead, because invalid UTF-8 cannot be decoded
// from the end. It does not allocate.
func matchEnd(pattern, value string) bool {
	for p, v := len(pattern)-1, len(value)-1; p > 0; p, v = p-1, v-1 {
		switch {
		case v < 0:
			return false
		case value[v] >= utf8.RuneSelf:
			return match(pattern, value, false)
		case pattern[p] != '?' && pattern[p] != value[v]:
			return false
		}
	}
	return true
}

// width returns the length of the first character of text, in bytes.
func width(text string) int {
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(text)
	return n
}
