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

// syntaxError is the prefix of cel-go's messages of syntax errors.
const syntaxError = "Syntax error: "

// plain rewrites a message of cel-go for authors of filters, and adds what to
// write instead, if that is known.
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

// allowed returns the allowed fields or variables.
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

// ownerOf returns the chain of names before the offset, for example
// event.involvedObject, or "".
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

// fieldsOf returns which fields a chain of names has.
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

// quoted returns the first word in single quotes.
func quoted(message string) string {
	_, rest, _ := strings.Cut(message, "'")
	word, _, _ := strings.Cut(rest, "'")
	return word
}

// faults returns the issues of cel-go as faults.
func (l *Language) faults(text string, issues *cel.Issues) []Fault {
	var out []Fault
	for _, e := range issues.Errors() {
		offset := byteOffset(text, e.Location.Line(), e.Location.Column())
		offset = intoHas(text, offset, e.Message)
		message := l.plain(text, offset, e.Message)
		if offset < len(text) && text[offset] == '.' {
			offset++ // cel-go reports the position of the dot before the field
		}
		out = append(out, Fault{Offset: offset, Message: message})
		if strings.HasPrefix(e.Message, syntaxError) {
			break // errors that follow are caused by this one
		}
	}
	return out
}

// intoHas returns the offset of the field in a call of has(). cel-go reports the
// position of the parenthesis.
func intoHas(text string, offset int, message string) int {
	if !strings.HasPrefix(message, "undefined field") || offset >= len(text) || text[offset] != '(' {
		return offset
	}
	if at := strings.Index(text[offset:], "."+quoted(message)); at >= 0 {
		return offset + at
	}
	return offset
}

// whole returns one fault of the whole expression.
func whole(format string, args ...any) []Fault {
	return []Fault{{Message: fmt.Sprintf(format, args...)}}
}

// byteOffset converts a position of cel-go, which is a 1-based line and a 0-based
// column in characters, to an offset in bytes.
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
