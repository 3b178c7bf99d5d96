package expression

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// slip returns what to write instead of a common mistake: a field without event,
// an operator or a function of another language, a string instead of a duration.
// It returns "" for others. The message and the offset in text are from cel-go.
func (l *Language) slip(text string, offset int, message string) string {
	switch {
	case strings.HasPrefix(message, "undeclared reference to"):
		return l.unknownName(text, offset, quoted(message))
	case strings.HasPrefix(message, "reserved identifier: "):
		return reservedWord(strings.TrimPrefix(message, "reserved identifier: "))
	case strings.HasPrefix(message, "undefined field"):
		return l.otherField(text, offset, quoted(message))
	case message == "expected type 'bool' but found 'string'":
		return `on both sides of || is a condition; repeat the field: event.reason == "A" || event.reason == "B"`
	case strings.HasPrefix(message, "found no matching overload for"):
		return mistyped(text, offset, message)
	case strings.HasSuffix(message, "does not support field selection"):
		return selected(text, offset)
	case strings.HasPrefix(message, syntaxError):
		return otherSyntax(text, offset, strings.TrimPrefix(message, syntaxError))
	default:
		return ""
	}
}

// unknownName returns what to write instead of a name that is neither a variable
// nor a function.
func (l *Language) unknownName(text string, offset int, name string) string {
	if isCall := regexp.MustCompile(`^\.?\s*` + regexp.QuoteMeta(name) + `\s*\(|^\(`).MatchString(text[offset:]); isCall {
		return otherFunction(name)
	}
	switch name {
	case "object", "obj", "regarding":
		return "write event.involvedObject"
	case "labels", "annotations":
		return "write event.metadata." + name + "; these are the Event's own, an Event does not carry those of its object"
	case "reasons":
		return `write event.reason, for example event.reason in ["BackOff", "Failed"]`
	case "Event", "e", "ev":
		return "write event"
	case "kind", "name", "uid", "apiVersion", "fieldPath":
		return "write event.involvedObject." + name
	case "now":
		return "an expression has no clock; compare with occurred or event.firstTimestamp"
	case "true_", "True", "TRUE", "yes":
		return "write true"
	case "False", "FALSE", "no":
		return "write false"
	case "nil", "None", "undefined":
		return "no field of an Event is null; compare with \"\", or write has(event.series)"
	}
	if _, ok := l.types.FindStructFieldType(eventTypeName, name); ok {
		return "write event." + name
	}
	if regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`).MatchString(name) {
		return fmt.Sprintf("text is in quotes; write %q", name)
	}
	return ""
}

// otherFunction returns what to write instead of a function of another language.
func otherFunction(name string) string {
	functions := map[string]string{
		"includes": `contains("…")`, "include": `contains("…")`, "has": `contains("…")`, "indexof": `indexOf("…")`, "find": `contains("…")`,
		"hasprefix": `startsWith("…")`, "beginswith": `startsWith("…")`, "startwith": `startsWith("…")`,
		"hassuffix": `endsWith("…")`, "endwith": `endsWith("…")`,
		"match": `matches("…")`, "regex": `matches("…")`, "regexmatch": `matches("…")`, "test": `matches("…")`, "search": `matches("…")`, "like": `matches("…")`,
		"length": "size()", "len": "size()", "count": "size()",
		"tolower": "lowerAscii()", "tolowercase": "lowerAscii()", "lower": "lowerAscii()", "downcase": "lowerAscii()",
		"toupper": "upperAscii()", "touppercase": "upperAscii()", "upper": "upperAscii()", "upcase": "upperAscii()",
		"equals": "==", "eq": "==", "substr": "substring(0, 3)", "strip": "trim()", "any": "exists(x, …)", "some": "exists(x, …)", "every": "all(x, …)",
		"hour": "getHours()", "gethour": "getHours()", "weekday": "getDayOfWeek()",
	}
	lower := strings.ToLower(name)
	if lower == "now" {
		return "an expression has no clock; compare with occurred or event.firstTimestamp"
	}
	if instead, ok := functions[lower]; ok {
		return "write " + instead
	}
	for _, known := range []string{
		"startsWith", "endsWith", "contains", "matches", "size", "has", "exists", "all", "filter", "map", "duration", "timestamp",
		"getHours", "getMinutes", "getDayOfWeek", "getDate", "lowerAscii", "upperAscii", "indexOf", "replace", "split", "substring", "trim", "int", "string",
	} {
		if strings.EqualFold(known, strings.ReplaceAll(name, "_", "")) {
			return "case matters; write " + known + "(…)"
		}
	}
	return ""
}

// reservedWord returns what to write instead of a word that CEL reserves.
func reservedWord(word string) string {
	switch word {
	case "namespace":
		return "write event.involvedObject.namespace"
	case "if":
		return "write condition ? value : otherwise, or only the condition"
	default:
		return ""
	}
}

// otherField returns what to write instead of a field that does not exist.
func (l *Language) otherField(text string, offset int, field string) string {
	owner := ownerOf(text, offset)
	switch {
	case owner == varEvent && (field == "namespace" || field == "name" || field == "kind" || field == "uid" || field == "apiVersion" || field == "fieldPath"):
		return "write event.involvedObject." + field
	case owner == varEvent && (field == "object" || field == "regarding"):
		return "write event.involvedObject"
	case owner == varEvent && field == "note":
		return "write event.message"
	case owner == varEvent && (field == "labels" || field == "annotations"):
		return "write event.metadata." + field + "; these are the Event's own, an Event does not carry those of its object"
	case field == "labels" || field == "annotations":
		return "an Event does not carry the " + field + " of its object"
	case owner == varEvent && field == "component":
		return "write component"
	}
	if owner == varEvent {
		names, _ := l.types.FindStructFieldNames(eventTypeName)
		for _, name := range names {
			if strings.EqualFold(name, field) {
				return "case matters; write event." + name
			}
		}
	}
	return ""
}

// operand returns the literal after the operator at an offset.
func operand(text string, offset int) string {
	match := regexp.MustCompile(`^\s*(?:[-+<>=!]=?|in\b)\s*("[^"]*"|'[^']*'|[0-9.]+)`).FindStringSubmatch(text[offset:])
	if match == nil {
		return ""
	}
	return strings.Trim(match[1], `"'`)
}

// mistyped returns what to write instead of an operator whose operands have the
// wrong types.
func mistyped(text string, offset int, message string) string {
	match := regexp.MustCompile(`overload for '(\S+)' applied to '\(?(.*?)\)?'$`).FindStringSubmatch(message)
	if match == nil {
		return ""
	}
	operator, types, literal := match[1], match[2], operand(text, offset)
	isComparison := slices.Contains([]string{"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"}, operator)
	symbol := strings.Trim(operator, "_@")
	switch {
	case strings.HasPrefix(types, "type("):
		return "write event.type"
	case isComparison && types == "duration, string", slices.Contains([]string{"_-_", "_+_"}, operator) && types == "timestamp, string":
		return fmt.Sprintf("write duration(%q)", orExample(literal, "10m"))
	case isComparison && (types == "duration, int" || types == "duration, double"),
		slices.Contains([]string{"_-_", "_+_"}, operator) && types == "timestamp, int":
		return fmt.Sprintf("a duration has a unit; write duration(%q)", orExample(literal, "600")+"s")
	case isComparison && (types == "timestamp, string" || types == "timestamp, int"):
		return `write timestamp("2026-03-02T09:00:00Z")`
	case isComparison && types == "int, string":
		if _, err := strconv.Atoi(literal); err == nil {
			return fmt.Sprintf("a number is written without quotes; write %s", literal)
		}
		return "a number and a string are never equal"
	case isComparison && (types == "string, int" || types == "string, double"):
		return fmt.Sprintf("text is in quotes; write %q", orExample(literal, "42"))
	case isComparison && strings.HasSuffix(types, ", null"):
		return fmt.Sprintf("no field of an Event is null; write %s \"\", or has(…)", symbol)
	case isComparison && strings.Contains(types, "list("):
		return `write in, for example event.reason in ["BackOff", "Failed"]`
	case operator == "@in" && types == "string, string":
		return fmt.Sprintf("write in [%q], or event.message.contains(%[1]q)", orExample(literal, "BackOff"))
	case operator == "!_":
		return "! negates only what directly follows it; write a != b, or !(a == b)"
	case operator == "_&&_", operator == "_||_":
		return "on both sides of " + symbol + " is a condition; repeat the field: event.reason == \"A\" || event.reason == \"B\""
	case operator == "_+_":
		return "both sides of + are of one type; write string(…) around the number"
	}
	return ""
}

// orExample returns the text, or an example if it is empty.
func orExample(text, example string) string {
	if text == "" {
		return example
	}
	return text
}

// selected returns what to write instead of a field of a value without fields.
func selected(text string, offset int) string {
	name := regexp.MustCompile(`^\.?(\w+)`).FindStringSubmatch(text[offset:])
	if name == nil {
		return ""
	}
	switch name[1] {
	case "size", "length", "len":
		return "write size()"
	default:
		return "a string has no fields; it has functions such as " + `contains("…")`
	}
}

// otherSyntax returns what to write instead of an operator of another language.
func otherSyntax(text string, offset int, message string) string {
	rest := text[offset:]
	before := strings.Fields(text[:offset])
	last := ""
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	operators := []struct{ written, instead string }{
		{"=~", `matches("…"), for example event.message.matches("^Back-off")`},
		{"~=", `matches("…"), for example event.message.matches("^Back-off")`},
		{"~", `matches("…"), for example event.message.matches("^Back-off")`},
		{">", "!="},
		{"=>", ">="},
		{"=<", "<="},
		{"<>", "!="},
		{":=", "=="},
		{"= ", "=="},
		{"=", "=="},
		{"&", "&&"},
		{"|", "||"},
		{"and ", "&&"},
		{"AND ", "&&"},
		{"And ", "&&"},
		{"or ", "||"},
		{"OR ", "||"},
		{"Or ", "||"},
		{"not in ", "!(a in b)"},
		{"is not ", "!="},
		{"is ", "=="},
		{"not ", "!"},
		{"NOT ", "!"},
		{"eq ", "=="},
		{"ne ", "!="},
		{"“", `straight quotes, "…"`},
		{"”", `straight quotes, "…"`},
		{"‘", `straight quotes, "…"`},
		{"’", `straight quotes, "…"`},
		{"#", "a comment with //"},
		{"$", "event, for example event.reason"},
		{"{{", "the expression itself; the template has not been rendered"},
	}
	for _, o := range operators {
		if !strings.HasPrefix(rest, o.written) {
			continue
		}
		if strings.HasSuffix(last, "==") && strings.HasPrefix(o.written, "=") {
			return "write =="
		}
		return "write " + o.instead
	}
	if last == "not" || last == "NOT" {
		return "write !(…)"
	}
	for _, function := range []string{"contains", "startsWith", "endsWith", "matches", "like"} {
		if strings.HasPrefix(strings.ToLower(rest), strings.ToLower(function)+" ") {
			if function == "like" {
				function = "matches"
			}
			return fmt.Sprintf("write .%s(…) directly after the text, for example event.message.%s(\"…\")", function, function)
		}
	}
	if strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, `'`) {
		if strings.HasPrefix(message, "token recognition error") {
			return "the text that begins here has no closing quote"
		}
	}
	if strings.Contains(message, "'<EOF>'") {
		for _, pair := range []string{"()", "[]", "{}"} {
			if missing := strings.Count(text, pair[:1]) - strings.Count(text, pair[1:]); missing > 0 {
				return "a " + pair[1:] + " is missing at the end"
			}
		}
	}
	return ""
}
