// Package printable makes text to show: safe text, and counts. Events and filter files may contain
// any text, and terminals and log viewers interpret some of it: escape sequences, line
// breaks, characters that change the direction of writing.
package printable

import (
	"fmt"
	"strings"
	"unicode"
)

// Rune returns r, or U+FFFD if unicode.IsPrint reports that r is not printable.
func Rune(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// Text returns s on one line, with U+FFFD for each character that is not
// printable.
func Text(s string) string { return strings.Map(Rune, s) }

// Count returns "1 Event", "2 Events" and so on.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
