package expression

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// syntaxError begins cel-go's messages about text that does not parse.
const syntaxError = "Syntax error: "

// plain rewrites one of cel-go's messages for someone who writes filters, and
// adds what would have been right where that can be told.
func (l *Language) plain(text string, offset int, message string) string {
	message = strings.TrimSuffix(message, " (in container '')")
	if instead := l.slip(text, offset, message); instead != "" {
		message := described(message) + "; " + instead
		if owner := ownerOf(text, offset); owner != "" && owner != varEvent {
			message += l.fieldsOf(owner)
		}
		return message
	}
	return described(message) + l.allowed(text, offset, message)
}

// allowed says what there is where nothing better is known.
func (l *Language) allowed(text string, offset int, message string) string {
	switch {
	case strings.HasPrefix(message, "undefined field"):
		if owner := ownerOf(text, offset); owner != "" {
			return l.fieldsOf(owner)
		}
	case strings.HasPrefix(message, "undeclared reference to"):
		return fmt.Sprintf("; an expression can refer to %s, %s, %s and %s, and to the functions in docs/filters.md",
			varEvent, varOccurred, varCount, varComponent)
	}
	return ""
}

// described returns the message in plain words.
func described(message string) string {
	overload := regexp.MustCompile(`^found no matching overload for '[_@]?(\S+?)_?' applied to '\(([^,]+), ([^,]+)\)'$`)
	if match := overload.FindStringSubmatch(message); match != nil {
		return fmt.Sprintf("%s %s %s is not defined", match[2], match[1], match[3])
	}
	switch {
	case message == "invalid duration argument":
		return `not a duration; write for example "30s", "10m" or "1h30m"`
	case message == "invalid timestamp argument":
		return `not a time of RFC 3339; write for example "2026-03-02T09:00:00Z"`
	case strings.HasPrefix(message, syntaxError):
		message, _, _ = strings.Cut(strings.TrimPrefix(message, syntaxError), " expecting ")
		return "syntax error: " + strings.NewReplacer(
			"mismatched input", "unexpected",
			"extraneous input", "unexpected",
			"'<EOF>'", "end of the expression",
			"token recognition error at: ", "unexpected ",
			"\n", " ",
		).Replace(message)
	}
	return message
}

// ownerOf returns the chain of names that ends at the offset, for example
// event.involvedObject, or "" where there is none.
func ownerOf(text string, offset int) string {
	start := strings.LastIndexFunc(text[:offset], func(r rune) bool {
		return r != '.' && !unicode.IsLetter(r)
	})
	chain := text[start+1 : offset]
	if root, _, _ := strings.Cut(chain, "."); root != varEvent {
		return ""
	}
	return chain
}

// fieldsOf says which fields there are where the wrong one was looked for.
func (l *Language) fieldsOf(owner string) string {
	structType := eventTypeName
	for _, name := range strings.Split(owner, ".")[1:] {
		field, ok := l.types.FindStructFieldType(structType, name)
		if !ok || field.Type.Kind() != types.StructKind {
			return ""
		}
		structType = field.Type.TypeName()
	}
	names, ok := l.types.FindStructFieldNames(structType)
	if !ok {
		return ""
	}
	return fmt.Sprintf("; %s has %s", owner, strings.Join(names, ", "))
}

// quoted returns the first 'word' in quotes.
func quoted(message string) string {
	_, rest, _ := strings.Cut(message, "'")
	word, _, _ := strings.Cut(rest, "'")
	return word
}

// faults turns what the compiler reported into byte offsets and plain words.
func (l *Language) faults(text string, issues *cel.Issues) []Fault {
	var out []Fault
	for _, e := range issues.Errors() {
		offset := byteOffset(text, e.Location.Line(), e.Location.Column())
		offset = intoHas(text, offset, e.Message)
		message := l.plain(text, offset, e.Message)
		if offset < len(text) && text[offset] == '.' {
			offset++ // to the field, which CEL places at the dot ahead of it
		}
		out = append(out, Fault{Offset: offset, Message: message})
		if strings.HasPrefix(e.Message, syntaxError) {
			break // what follows is only the parser finding its feet again
		}
	}
	return out
}

// intoHas moves an offset to the field that has() asks for: cel-go places what
// is wrong with it at the parenthesis.
func intoHas(text string, offset int, message string) int {
	if !strings.HasPrefix(message, "undefined field") || offset >= len(text) || text[offset] != '(' {
		return offset
	}
	if at := strings.Index(text[offset:], "."+quoted(message)); at >= 0 {
		return offset + at
	}
	return offset
}

// whole returns one fault with the expression as a whole.
func whole(format string, args ...any) []Fault {
	return []Fault{{Message: fmt.Sprintf(format, args...)}}
}

// byteOffset converts CEL's position, a 1-based line and a 0-based column
// counted in characters, to an offset inside text.
func byteOffset(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(text[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	for ; column > 0 && offset < len(text) && text[offset] != '\n'; column-- {
		_, width := utf8.DecodeRuneInString(text[offset:])
		offset += width
	}
	return offset
}
