package ui

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is a filter list as it is written: where each filter is.
type document struct {
	root *yaml.Node // the mapping; nil if there is none
	// filters is the value of the key filters; nil if there is none.
	filters *yaml.Node
}

// readDocument reads a list that pkg/config has accepted, or an empty one. It ignores
// what it does not understand.
func readDocument(text []byte) document {
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return document{}
	}
	root := resolved(doc.Content[0])
	if root.Kind != yaml.MappingNode {
		return document{}
	}
	out := document{root: root}
	if filters := valueOf(root, "filters"); filters != nil {
		out.filters = resolved(filters)
	}
	return out
}

// filter returns the mapping of the filter at index i, or nil if there is none.
func (d document) filter(i int) *yaml.Node {
	if d.filters == nil || d.filters.Kind != yaml.SequenceNode || i >= len(d.filters.Content) {
		return nil
	}
	return resolved(d.filters.Content[i])
}

// resolved returns the node that an alias refers to, and any other node as it is.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// maxConditions is how many characters of a filter are shown in a table.
const maxConditions = 160

// conditionsOf returns the conditions of a filter as in the list, on one line:
// "kind: Pod, reasons: [BackOff]".
func conditionsOf(f *yaml.Node) string {
	var parts []string
	for i := 0; i+1 < len(f.Content); i += 2 {
		if key := f.Content[i].Value; key != "action" && key != "id" {
			parts = append(parts, key+": "+flow(f.Content[i+1]))
		}
	}
	if len(parts) == 0 {
		return "every Event"
	}
	text := []rune(strings.Join(parts, ", "))
	if len(text) > maxConditions {
		return string(text[:maxConditions-1]) + "…"
	}
	return string(text)
}

// flow returns a value on one line.
func flow(n *yaml.Node) string {
	n = resolved(n)
	var parts []string
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, n.Content[i].Value+": "+flow(n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return strings.Join(strings.Fields(n.Value), " ")
	}
}
