package filtertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

const duplicate = "duplicate key, first on line %d; remove one"

// parser reads a test file and collects its faults.
type parser struct {
	path     string
	document *config.Document
	faults   []config.Fault
}

// shape is that of a test file.
func shape() config.Shape {
	return config.Shape{
		Name: "test file", Needs: "filters and tests",
		Keys: append([]string{
			"filters", "allowBrigadeEvents", "tests", "event", "events", "file", "expect",
			"verdict", "by", "destination", "project", "commitRef", "logLevel", "eventType", "accepted", "rejected", "builds", "decided",
		}, shorthand()...),
	}
}

// refuse reports a fault at a node.
func (p *parser) refuse(node *yaml.Node, path, format string, args ...any) {
	p.faults = append(p.faults, p.document.Fault(node, path, format, args...))
}

// resolve returns the node that an alias refers to, and any other node as it is.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// mapping calls the function of each key of a mapping with the key's value and path.
func (p *parser) mapping(node *yaml.Node, path string, keys map[string]func(*yaml.Node, string)) {
	allowed := strings.Join(slices.Sorted(maps.Keys(keys)), ", ")
	if node.Kind != yaml.MappingNode {
		p.refuse(node, path, "expected a mapping; allowed keys are %s", allowed)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolve(node.Content[i+1])
		at := key.Value
		if path != "" {
			at = path + "." + key.Value
		}
		read, known := keys[key.Value]
		switch line, twice := seen[key.Value]; {
		case !known:
			p.refuse(key, at, "unknown key; allowed are %s", allowed)
		case twice:
			p.refuse(key, at, duplicate, line)
		default:
			seen[key.Value] = key.Line
			read(value, at)
		}
	}
}

// duplicates refuses keys that a mapping below a node has twice, and reports whether there are
// any. It follows no alias, because what that refers to is in the file too.
func (p *parser) duplicates(node *yaml.Node, path string) bool {
	found := false
	if node.Kind != yaml.MappingNode {
		for i, item := range node.Content {
			found = p.duplicates(item, fmt.Sprintf("%s[%d]", path, i)) || found
		}
		return found
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		at := path + "." + key.Value
		if line, twice := lines[key.Value]; twice {
			p.refuse(key, at, duplicate, line)
			found = true
			continue
		}
		lines[key.Value] = key.Line
		found = p.duplicates(node.Content[i+1], at) || found
	}
	return found
}

// sequence returns the items of a list.
func (p *parser) sequence(node *yaml.Node, path string) []*yaml.Node {
	if node.Kind != yaml.SequenceNode {
		p.refuse(node, path, "expected a list")
		return nil
	}
	items := make([]*yaml.Node, len(node.Content))
	for i, item := range node.Content {
		items[i] = resolve(item)
	}
	return items
}

func (p *parser) text(node *yaml.Node, path string) string {
	if node.Kind != yaml.ScalarNode {
		p.refuse(node, path, "expected text")
		return ""
	}
	if node.ShortTag() == "!!null" {
		return ""
	}
	return node.Value
}

func (p *parser) boolean(node *yaml.Node, path string) bool {
	var b bool
	if node.Kind != yaml.ScalarNode || node.Decode(&b) != nil {
		p.refuse(node, path, "expected true or false")
	}
	return b
}

// number returns an integer that is not negative, or nil.
func (p *parser) number(node *yaml.Node, path string) *int {
	var n int
	if node.Kind != yaml.ScalarNode || node.Decode(&n) != nil || n < 0 {
		p.refuse(node, path, "expected a whole number")
		return nil
	}
	return &n
}
