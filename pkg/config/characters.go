package config

import (
	"fmt"
	"strings"
	"unicode"
)

// quotationMarks are quotes, and the characters that word processors write
// instead of them.
const quotationMarks = "“”„‟«»‘’‚‛\"'`"

// characters finds characters that are easily missed: white space around the
// value, quotes that are part of it, invisible characters.
func (v value) characters() string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), strings.ContainsRune(quotationMarks, r):
			return -1
		default:
			return r
		}
	}, v.text)
	clean = strings.TrimSpace(clean)
	for _, r := range v.text {
		switch {
		case strings.ContainsRune(quotationMarks, r):
			return fmt.Sprintf("the quotation mark %c is part of the value, and no %s contains one; %s", r, v.noun(), v.write(clean))
		case !unicode.IsPrint(r) && !unicode.IsSpace(r):
			return fmt.Sprintf("contains the invisible character %U; %s", r, v.write(clean))
		case unicode.IsSpace(r) && r != ' ':
			return fmt.Sprintf("contains the white space %U, and no %s contains any; %s", r, v.noun(), v.write(strings.Fields(v.text)...))
		}
	}
	if clean != v.text {
		return fmt.Sprintf("%q begins or ends with white space, which no %s does; %s", v.text, v.noun(), v.write(clean))
	}
	return ""
}
