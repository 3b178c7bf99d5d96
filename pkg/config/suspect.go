package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is one text of a condition: a glob, and its key.
type value struct {
	key  string
	text string
	// kind is the filter's kind if it names exactly one, because the names of some
	// kinds have more rules.
	kind string
	// item reports whether the text is one of a list.
	item bool
}

// warnAboutValues warns about values that no object of Kubernetes has, or that are
// in the syntax of another tool. A filter with such a value compiles and never matches.
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

// itemsOf returns the items of a list, or the node itself if it is not a list.
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

// suspicion returns what is wrong with the value and what to write instead, or
// "".
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

// noun returns the noun for the value of the key.
func (v value) noun() string {
	if v.key == "reasons" {
		return "reason"
	}
	return v.key
}

// field returns the expression for what the value is compared with.
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

// write returns the advice to write one value or several instead.
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

// yamlText returns text as YAML, in quotes if it needs them.
func yamlText(text string) string {
	if text == "" || strings.ContainsAny(text[:1], "*?!&%@`'\"-[]{},#|> ") || strings.ContainsAny(text, "{}[],") ||
		strings.Contains(text, ": ") || strings.Contains(text, " #") {
		return fmt.Sprintf("%q", text)
	}
	return text
}

// literal returns the value without its wildcards.
func (v value) literal() string {
	return strings.NewReplacer("*", "", "?", "").Replace(v.text)
}
