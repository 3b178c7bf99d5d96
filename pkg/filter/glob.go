package filter

import (
	"strings"
	"unicode/utf8"
)

// form is how a glob is compared. Nearly all globs in a filter file are plain
// words or end in a star, so these never reach the general matcher.
type form uint8

const (
	// anything matches every value, the empty one too.
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

// newGlob compiles a glob. Every text is a valid one.
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

// String returns the glob in the form in which it was written, runs of stars
// made one.
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
// lets g read other's text as if it were a value; that is sound as long as a
// star of other, which stands for many characters, is only ever taken by a
// star of g.
func (g glob) covers(other glob) bool {
	if g.form == exact || other.form == exact {
		return g.matches(other.text) && (g.form != exact || other.form == exact)
	}
	return match(g.String(), other.String(), true)
}

// match compares a glob with the whole of value. It goes back only to the
// latest star, so it takes at most len(pattern)*len(value) steps, and it does
// not allocate. A character is a rune, and a byte that is no part of one counts
// as one character. Where value is itself a glob (see covers), `?` does not
// take a star.
func match(pattern, value string, isGlob bool) bool {
	p, v := 0, 0
	star, retry := -1, 0 // where to go back to: behind the star, in the value
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

// matchEnd does what match does where the only star of pattern is its first
// character. It begins at the end, where most values fail at once. A character
// of several bytes cannot be told from behind where the encoding is broken, so
// at the first of those it leaves value to match. It does not allocate.
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

// width returns how many bytes the first character of text takes.
func width(text string) int {
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(text)
	return n
}
