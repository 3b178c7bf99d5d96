package config

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader walks the tree of a file. It collects faults and continues, so that one
// report has all of them.
type reader struct {
	source   *source
	faults   []Fault
	warnings []Fault
	// values reports whether the file is Helm values: it may have the chart's other
	// keys too, and if it has no filters, the chart's own are used.
	values bool
}

func (r *reader) refuse(p position, path, format string, args ...any) {
	r.faults = append(r.faults, r.source.fault(p, path, format, args...))
}

// warn reports a probable mistake.
func (r *reader) warn(p position, path, format string, args ...any) {
	f := r.source.fault(p, path, format, args...)
	f.Severity = SeverityWarning
	r.warnings = append(r.warnings, f)
}

// entry is one key of a mapping with its value, aliases resolved.
type entry struct {
	key, value *yaml.Node
}

// mapping returns the entries of a mapping by key. Unknown and duplicate keys are
// reported and left out. A null is a mapping without entries.
func (r *reader) mapping(node *yaml.Node, path string, allowed ...string) map[string]entry {
	if isNull(node) {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		r.refuse(at(node), path, "expected a mapping, got %s; write keys and values, allowed are %s", describe(node), list(allowed))
		return nil
	}
	entries := make(map[string]entry, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolve(node.Content[i+1])
		name := resolve(key)
		first, seen := entries[name.Value]
		switch {
		case name.ShortTag() == "!!merge":
			r.refuse(at(key), path, "a merge key (<<), which is not supported; write the keys out")
		case name.Kind != yaml.ScalarNode:
			r.refuse(at(key), path, "expected a key, got %s; allowed are %s", describe(name), list(allowed))
		case !slices.Contains(allowed, name.Value):
			r.refuse(at(key), join(path, name.Value), "unknown key%s; allowed are %s", didYouMean(name.Value, allowed), list(allowed))
		case seen:
			r.refuse(at(key), join(path, name.Value), "duplicate key, first on line %d; remove one", first.key.Line)
		default:
			entries[name.Value] = entry{key: key, value: value}
		}
	}
	return entries
}

// sequence returns the items of a list, aliases resolved. A null is an empty list.
// It returns false if the node is not a list.
func (r *reader) sequence(node *yaml.Node, path, of string) ([]*yaml.Node, bool) {
	if isNull(node) {
		return nil, true
	}
	if node.Kind != yaml.SequenceNode {
		r.refuse(at(node), path, "expected a list of %s, got %s%s", of, describe(node), bracketHint(node))
		return nil, false
	}
	items := make([]*yaml.Node, len(node.Content))
	for i, item := range node.Content {
		items[i] = resolve(item)
	}
	return items, true
}

// text returns a text value. A null is the empty text. It returns false if the node
// is not a text.
func (r *reader) text(node *yaml.Node, path string) (string, bool) {
	if isNull(node) {
		return "", true
	}
	if node.Kind == yaml.ScalarNode {
		switch node.ShortTag() {
		case "!!str", "!!timestamp": // what looks like a date is text too
			return node.Value, true
		case "!!int", "!!float", "!!bool":
			r.refuse(at(node), path, "expected a string, got %s; put it in quotes: %q", describe(node), node.Value)
			return "", false
		}
	}
	r.refuse(at(node), path, "expected a string, got %s", describe(node))
	return "", false
}

// integer returns an integer from low to high. It returns false if the node is not
// one.
func (r *reader) integer(node *yaml.Node, path string, low, high int) (int, bool) {
	whole := node.Kind == yaml.ScalarNode && !strings.ContainsFunc(node.Value, notDigit)
	tag := node.ShortTag()
	if node.Kind != yaml.ScalarNode || tag != "!!int" && (tag != "!!float" || !whole) {
		hint := ""
		if tag == "!!str" && whole && node.Value != "" {
			hint = "; remove the quotes"
		}
		r.refuse(at(node), path, "expected a whole number, got %s%s; allowed is %d to %d", describe(node), hint, low, high)
		return 0, false
	}
	var n int64
	if node.Decode(&n) != nil {
		n = math.MaxInt64 // yaml/v3 takes an integer of more than 64 bits for a float
	}
	if n < int64(low) || n > int64(high) {
		r.refuse(at(node), path, "%s is out of range; allowed is %d to %d", node.Value, low, high)
		return 0, false
	}
	return int(n), true
}

// boolean returns a boolean value. A null is false.
func (r *reader) boolean(node *yaml.Node, path string) bool {
	if isNull(node) {
		return false
	}
	if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!bool" {
		r.refuse(at(node), path, "expected true or false, got %s", describe(node))
		return false
	}
	var b bool
	return node.Decode(&b) == nil && b
}

func notDigit(r rune) bool {
	return r < '0' || r > '9'
}

// describe says what a node is, for "expected a list, got …".
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch tag := node.ShortTag(); tag {
	case "!!str", "!!timestamp":
		return "a string"
	case "!!int":
		return "a number"
	case "!!float":
		return "a fractional number"
	case "!!bool":
		return "a boolean"
	case "!!null":
		return "nothing"
	default:
		return fmt.Sprintf("a value tagged %s", tag)
	}
}

// bracketHint shows how to write a single value as a list.
func bracketHint(node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str" && !strings.ContainsAny(node.Value, "\n,[]{}") {
		return fmt.Sprintf("; write [%s]", node.Value)
	}
	return ""
}

// join appends a key to a path. A key that is not a word is quoted, so that a path
// has no spaces.
func join(path, key string) string {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == '.' || r == ':' }) || len(key) > 64 {
		key = fmt.Sprintf("%.64q", key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// list returns the allowed keys for a message. Those of the chart are too many to
// list.
func list(names []string) string {
	if len(names) > len(filterKeys()) && slices.Contains(names, "replicas") {
		return "those that helm show values prints"
	}
	return strings.Join(names, ", ")
}
