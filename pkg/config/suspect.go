package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// value is one text of a condition: a glob, and the key it is under.
type value struct {
	key  string
	text string
	// kind is the filter's kind where it names exactly one, for what is known of
	// the names of its objects.
	kind string
	// item reports whether the text is one of a list.
	item bool
}

// warnAboutValues warns about conditions that no object of Kubernetes meets, or
// that are plainly in the syntax of another tool. Each such filter is silent:
// it compiles, and never matches.
func (r *reader) warnAboutValues(f *filterNode) {
	for _, prefix := range []string{"", "except."} {
		kind := ""
		if e, ok := f.entries[prefix+"kind"]; ok && e.value.Kind == yaml.ScalarNode && !strings.ContainsAny(e.value.Value, "*?") {
			kind = e.value.Value
		}
		for _, key := range []string{"namespace", "kind", "reasons", "name", "component"} {
			if !f.broken[prefix+key] {
				r.warnAboutKey(f, prefix, key, kind)
			}
		}
	}
}

// warnAboutKey warns about the values of one key.
func (r *reader) warnAboutKey(f *filterNode, prefix, key, kind string) {
	e, ok := f.entries[prefix+key]
	if !ok {
		return
	}
	for i, node := range itemsOf(e.value) {
		if isNull(node) {
			continue
		}
		v := value{key: key, text: node.Value, kind: kind, item: e.value.Kind == yaml.SequenceNode}
		path := f.pathOf(prefix + key)
		if v.item {
			path = fmt.Sprintf("%s[%d]", path, i)
		}
		if message := v.suspicion(); message != "" {
			r.warn(at(node), path, "%s", message)
		}
	}
}

// itemsOf returns the items of a list, or the one value that is none.
func itemsOf(node *yaml.Node) []*yaml.Node {
	if node.Kind != yaml.SequenceNode {
		return []*yaml.Node{node}
	}
	items := make([]*yaml.Node, len(node.Content))
	for i, item := range node.Content {
		items[i] = resolve(item)
	}
	return items
}

// suspicion says what is wrong with the value and what to write instead, or ""
// where nothing is to be said.
func (v value) suspicion() string {
	if v.text == "" {
		return ""
	}
	for _, check := range []func() string{
		v.characters, v.placeholder, v.negation, v.topic, v.braces, v.choice, v.regularExpression, v.otherGlob, v.selector,
	} {
		if message := check(); message != "" {
			return message
		}
	}
	switch v.key {
	case "namespace":
		return v.namespace()
	case "kind":
		return v.kindOf()
	case "name":
		return v.name()
	case "reasons":
		return v.reason()
	default:
		return v.component()
	}
}

// noun returns what the key holds, for sentences.
func (v value) noun() string {
	if v.key == "reasons" {
		return "reason"
	}
	return v.key
}

// write says what to write instead, for one value or several.
func (v value) write(texts ...string) string {
	quotedTexts := make([]string, len(texts))
	for i, text := range texts {
		quotedTexts[i] = yamlText(text)
	}
	switch {
	case len(texts) == 1:
		return "write " + quotedTexts[0]
	case v.item:
		return "write each as an item of the list: " + strings.Join(quotedTexts, ", ")
	default:
		return "write a list: [" + strings.Join(quotedTexts, ", ") + "]"
	}
}

// yamlText returns text as YAML takes it, in quotes where it needs them.
func yamlText(text string) string {
	if text == "" || strings.ContainsAny(text[:1], "*?!&%@`'\"-[]{},#|> ") || strings.ContainsAny(text, "{}[],") ||
		strings.Contains(text, ": ") || strings.Contains(text, " #") {
		return fmt.Sprintf("%q", text)
	}
	return text
}

// quotationMarks are what word processors write instead of quotes, and quotes.
const quotationMarks = "“”„‟«»‘’‚‛\"'`"

// characters finds what is hard to see: white space around the value, quotes
// that are part of it, characters without a shape.
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

// placeholder finds what a template engine or a shell should have replaced.
func (v value) placeholder() string {
	if regexp.MustCompile(`\{\{|\}\}|\$\{|\$\(|^\$[A-Za-z_]|^<[^<>]+>$|^__.+__$|^%[A-Z_]+%$`).MatchString(v.text) {
		return fmt.Sprintf("%q is a placeholder that nothing has replaced; write the %s itself", v.text, v.noun())
	}
	return ""
}

// negation finds the marks by which other tools say "all but".
func (v value) negation() string {
	text := v.text
	if lookahead := regexp.MustCompile(`^\^?\(\?!(.*?)\)(.*)$`).FindStringSubmatch(text); lookahead != nil {
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

// topic finds "Pod:BackOff", which is how Brigade calls an Event.
func (v value) topic() string {
	match := regexp.MustCompile(`^([A-Z][A-Za-z]+):([A-Z][A-Za-z]+)$`).FindStringSubmatch(v.text)
	if match == nil || v.key != "kind" && v.key != "reasons" {
		return ""
	}
	return fmt.Sprintf("%q is kind and reason in one; write kind: %s and reasons: [%s]", v.text, match[1], match[2])
}

// choice finds several values in one text.
func (v value) choice() string {
	if component, host, ok := strings.Cut(v.text, ", "); ok && v.key == "component" && !strings.Contains(host, ",") {
		return fmt.Sprintf("%q is component and host as kubectl describe prints them; %s", v.text, v.write(component))
	}
	parts := strings.FieldsFunc(unwrapped(v.text), func(r rune) bool { return strings.ContainsRune("|,; ", r) })
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "or" || part == "OR" })
	if len(parts) < 2 || regexp.MustCompile(`\([^)]*[|]`).MatchString(v.text) && !strings.HasPrefix(v.text, "(") && !strings.HasPrefix(v.text, "^(") {
		return ""
	}
	var globs []string
	for _, part := range parts {
		g, _ := globsOf(part)
		globs = append(globs, g...)
	}
	return fmt.Sprintf("%q is one value and not a choice; %s", v.text, v.write(globs...))
}

// braces finds the choice of a shell.
func (v value) braces() string {
	braces := regexp.MustCompile(`\{([^{},]+(?:,[^{},]+)+)\}`)
	if match := braces.FindString(v.text); match == "" || match == v.text || strings.ContainsAny(v.text, "()|") {
		return ""
	}
	globs, _ := globsOf(braces.ReplaceAllStringFunc(v.text, func(choice string) string {
		return "(" + strings.ReplaceAll(choice[1:len(choice)-1], ",", "|") + ")"
	}))
	return fmt.Sprintf("%q is one value, and { } stand for themselves; %s", v.text, v.write(globs...))
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

// regularExpression finds what is one. In names a dot before a star may be
// meant: they have dots. Elsewhere no value has any.
func (v value) regularExpression() string {
	marks := `^\^|\$$|[\[\]()\\+]|^=?~|^/.*/$|^re(gex)?:|\{[0-9,]+\}`
	if v.key == "name" || v.key == "component" {
		marks += `|(^|[^A-Za-z0-9*?])\.\*`
	} else {
		marks += `|\.[*+?]`
	}
	if !regexp.MustCompile(marks).MatchString(v.text) {
		return ""
	}
	globs, exact := globsOf(v.text)
	message := fmt.Sprintf("%q is a regular expression, and only * and ? have a meaning here; ", v.text)
	if len(globs) > 0 {
		message += v.write(globs...)
		if exact {
			return message
		}
		message += ", or "
	}
	return message + fmt.Sprintf("write expression: %s.matches(%q)", v.field(), bare(v.text, true))
}

// bare returns a regular expression without what other tools mark it with, and
// anchored where they compare it with the whole value or where asked to.
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

// field returns what the value is compared with, as expressions call it.
func (v value) field() string {
	switch v.key {
	case "reasons":
		return "event.reason"
	case "component":
		return "component"
	default:
		return "event.involvedObject." + v.key
	}
}

// globsOf turns a regular expression into globs, as well as that can be done:
// exact reports whether they match just the same. It returns none where they
// would match anything.
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
	const piece = `\((?:\?:)?([^()|]+(?:\|[^()|]+)+)\)|(\.[*+]\??)|((?:\[[^\]]*\]|\\[dwsDWS])[*+?]?(?:\{[0-9,]+\})?)|(\\.)|([\^$])|([()+{}\[\]|])|(.)`
	for _, match := range regexp.MustCompile(piece).FindAllStringSubmatch(text, -1) {
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

// otherGlob finds the wildcard of SQL.
func (v value) otherGlob() string {
	if !strings.Contains(v.text, "%") {
		return ""
	}
	return fmt.Sprintf("%% stands for itself here, and no %s contains one; %s", v.noun(), v.write(strings.ReplaceAll(v.text, "%", "*")))
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

// literal returns the value without its wildcards.
func (v value) literal() string {
	return strings.NewReplacer("*", "", "?", "").Replace(v.text)
}

// namespace finds what is no DNS label (RFC 1123), which the API server wants
// of a namespace.
func (v value) namespace() string {
	if namespace, name, ok := strings.Cut(v.text, "/"); ok {
		return fmt.Sprintf("%q is namespace and name in one; write namespace: %s and name: %s", v.text, yamlText(namespace), yamlText(name))
	}
	return v.lowerCase("a namespace", regexp.MustCompile(`[^-a-z0-9*?]`), 63)
}

// lowerCase finds what breaks the rule of DNS names.
func (v value) lowerCase(what string, foreign *regexp.Regexp, longest int) string {
	lower := strings.ToLower(v.text)
	switch {
	case lower != v.text && !foreign.MatchString(lower):
		return fmt.Sprintf("%s is in lower case; %s", what, v.write(lower))
	case foreign.MatchString(v.text):
		return fmt.Sprintf("no Event is about %s with the character %q in its name; only lower-case letters, digits and - are allowed there",
			what, foreign.FindString(v.text))
	case strings.ContainsAny(v.text[:1], "-.") || strings.ContainsAny(v.text[len(v.text)-1:], "-."):
		return fmt.Sprintf("%s begins and ends with a letter or a digit; write a * where more is to follow: %s", what, yamlText(strings.Trim(v.text, "-.")+"-*"))
	case len(v.literal()) > longest:
		return fmt.Sprintf("%s has at most %d characters, this are %d", what, longest, len(v.literal()))
	default:
		return ""
	}
}

// name finds what no object is called: a path segment for all, a DNS subdomain
// (RFC 1123) for the kinds that are known to ask for it.
func (v value) name() string {
	if first, rest, ok := strings.Cut(v.text, "/"); ok {
		if kind, ok := knownKind(first); ok {
			return fmt.Sprintf("%q is kind and name in one; write kind: %s and name: %s", v.text, kind, yamlText(rest))
		}
		return fmt.Sprintf("%q is namespace and name in one; write namespace: %s and name: %s", v.text, yamlText(first), yamlText(rest))
	}
	if _, known := knownKind(v.kind); known && !strings.Contains(v.kind, "Role") {
		return v.lowerCase("the name of a "+v.kind, regexp.MustCompile(`[^-a-z0-9.*?]`), 253)
	}
	return ""
}

// kindOf finds what no kind is called: kinds have no group and no plural.
func (v value) kindOf() string {
	text := v.text
	if strings.ContainsAny(text, "/.") {
		parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '.' })
		kind := parts[len(parts)-1]
		for _, part := range parts {
			if begins(part, unicode.IsUpper) {
				kind = part
				break
			}
		}
		if known, ok := knownKind(kind); ok {
			kind = known
		} else if known, ok := knownKind(parts[0]); ok {
			kind = known
		}
		return fmt.Sprintf("%q names more than a kind; %s", text, v.write(kind))
	}
	kind, known := knownKind(text)
	switch {
	case known && kind == text:
		return ""
	case known:
		return fmt.Sprintf("no object has the kind %q; %s", text, v.write(kind))
	case strings.ContainsAny(text, " _:"):
		return fmt.Sprintf("no object has the kind %q; kinds are words such as Pod and CronJob", text)
	case begins(text, unicode.IsLower):
		return fmt.Sprintf("a kind begins with a capital letter, and case matters; %s", v.write(strings.ToUpper(text[:1])+text[1:]))
	}
	if near := nearKind(text); near != "" {
		return fmt.Sprintf("no object of Kubernetes itself has the kind %q (did you mean %s?)", text, near)
	}
	return ""
}

// begins reports whether the first character of a text is as asked for.
func begins(text string, is func(rune) bool) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return is(r)
}

// reason finds what is shown beside Events and is no reason of any.
func (v value) reason() string {
	if instead, ok := stateReasons()[v.text]; ok {
		return fmt.Sprintf("%s is a state that kubectl get pods shows, and not the reason of any Event; %s", v.text, v.write(instead...))
	}
	for _, known := range reasonsOfKubernetes() {
		if strings.EqualFold(known, v.text) && known != v.text {
			return fmt.Sprintf("case matters; %s", v.write(known))
		}
	}
	return ""
}

// component finds the names of processes that report Events under another.
func (v value) component() string {
	lower := strings.ToLower(v.text)
	switch lower {
	case "kube-scheduler", "scheduler":
		return fmt.Sprintf("the scheduler reports Events as default-scheduler; %s", v.write("default-scheduler"))
	case "kube-controller-manager", "controller-manager":
		return `its controllers report Events under their own names; write for example job-controller, or "*-controller"`
	case "kubelet", "default-scheduler", "job-controller", "cronjob-controller", "deployment-controller",
		"replicaset-controller", "statefulset-controller", "daemonset-controller", "node-controller", "taint-eviction-controller",
		"horizontal-pod-autoscaler", "persistentvolume-controller", "attachdetach-controller", "endpoint-controller", "kube-proxy":
		if lower != v.text {
			return fmt.Sprintf("case matters; %s", v.write(lower))
		}
	}
	return ""
}
