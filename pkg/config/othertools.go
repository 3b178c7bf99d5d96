package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Compiled once: a list is checked with each key that is pressed in its editor.
var (
	placeholders    = regexp.MustCompile(`\{\{|\}\}|\$\{|\$\(|^\$[A-Za-z_]|^<[^<>]+>$|^__.+__$|^%[A-Z_]+%$`)
	lookaheads      = regexp.MustCompile(`^\^?\(\?!(.*?)\)(.*)$`)
	topics          = regexp.MustCompile(`^([A-Z][A-Za-z]+):([A-Z][A-Za-z]+)$`)
	choicesInGroups = regexp.MustCompile(`\([^)]*[|]`)
	choicesInBraces = regexp.MustCompile(`\{([^{},]+(?:,[^{},]+)+)\}`)
)

// placeholder finds text that a template engine or a shell should have replaced.
func (v value) placeholder() string {
	if placeholders.MatchString(v.text) {
		return fmt.Sprintf("%q is a placeholder that was not replaced; write the %s itself", v.text, v.noun())
	}
	return ""
}

// negation finds the syntax by which other tools negate.
func (v value) negation() string {
	text := v.text
	if lookahead := lookaheads.FindStringSubmatch(text); lookahead != nil {
		text = "!^" + lookahead[1] + lookahead[2]
	}
	but, ok := strings.CutPrefix(text, "!")
	if !ok {
		but, ok = strings.CutPrefix(text, "not ")
	}
	if !ok {
		return ""
	}
	globs, _ := globsOf(strings.TrimLeft(but, "=~ "))
	written := make([]string, len(globs))
	for i, g := range globs {
		written[i] = yamlText(g)
	}
	block := strings.Join(written, ", ")
	if v.key == "reasons" || len(globs) > 1 {
		block = "[" + block + "]"
	}
	return fmt.Sprintf("%q does not negate; write except: {%s: %s}", v.text, v.key, block)
}

// topic finds "Pod:BackOff", which is the form of Brigade's event type.
func (v value) topic() string {
	match := topics.FindStringSubmatch(v.text)
	if match == nil || v.key != "kind" && v.key != "reasons" {
		return ""
	}
	return fmt.Sprintf("%q is kind and reason in one; write kind: %s and reasons: [%s]", v.text, match[1], match[2])
}

// choice finds several values in one text, with a separator of another tool.
func (v value) choice() string {
	if component, host, ok := strings.Cut(v.text, ", "); ok && v.key == "component" && !strings.Contains(host, ",") {
		return fmt.Sprintf("%q is component and host as kubectl describe prints them; %s", v.text, v.write(component))
	}
	parts := strings.FieldsFunc(unwrapped(v.text), func(r rune) bool { return strings.ContainsRune("|,; ", r) })
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "or" || part == "OR" })
	if len(parts) < 2 || choicesInGroups.MatchString(v.text) && !strings.HasPrefix(v.text, "(") && !strings.HasPrefix(v.text, "^(") {
		return ""
	}
	var globs []string
	for _, part := range parts {
		g, _ := globsOf(part)
		globs = append(globs, g...)
	}
	return fmt.Sprintf("%q is one value and not a choice; %s", v.text, v.write(globs...))
}

// braces finds brace expansions of a shell.
func (v value) braces() string {
	if match := choicesInBraces.FindString(v.text); match == "" || match == v.text || strings.ContainsAny(v.text, "()|") {
		return ""
	}
	globs, _ := globsOf(choicesInBraces.ReplaceAllStringFunc(v.text, func(choice string) string {
		return "(" + strings.ReplaceAll(choice[1:len(choice)-1], ",", "|") + ")"
	}))
	return fmt.Sprintf("%q is one value, and { } are ordinary characters; %s", v.text, v.write(globs...))
}

// unwrapped returns a text without the brackets and anchors around it.
func unwrapped(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "^"), "$")
	for _, pair := range []string{"()", "{}", "[]"} {
		if inner, ok := strings.CutPrefix(text, pair[:1]); ok && strings.HasSuffix(inner, pair[1:]) {
			return strings.TrimPrefix(inner[:len(inner)-1], "?:")
		}
	}
	return text
}

// otherGlob finds the wildcard of SQL.
func (v value) otherGlob() string {
	if !strings.Contains(v.text, "%") {
		return ""
	}
	return fmt.Sprintf("%% is an ordinary character here, and no %s contains one; %s", v.noun(), v.write(strings.ReplaceAll(v.text, "%", "*")))
}

// selector finds label and field selectors.
func (v value) selector() string {
	if key, _, ok := strings.Cut(v.text, "="); ok {
		if strings.HasPrefix(key, "metadata.") {
			return fmt.Sprintf("%q is a field selector; %s", v.text, v.write(strings.TrimLeft(v.text[len(key):], "=")))
		}
		return fmt.Sprintf("%q is a label selector, and an Event does not carry the labels of its object; write a %s", v.text, v.noun())
	}
	return ""
}
