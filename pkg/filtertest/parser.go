package filtertest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
)

// parser reads a test file and collects its faults.
type parser struct {
	path   string
	lines  [][]byte
	faults []config.Fault
}

// syntaxLine matches a syntax error of yaml/v3.
func syntaxLine() *regexp.Regexp {
	return regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
}

// refuse reports a fault at a node.
func (p *parser) refuse(node *yaml.Node, path, format string, args ...any) {
	line := min(max(node.Line, 1), len(p.lines))
	p.faults = append(p.faults, config.Fault{
		File: p.path, Line: line, Column: max(node.Column, 1), Path: path,
		Message: fmt.Sprintf(format, args...),
		Source:  strings.TrimSuffix(string(p.lines[line-1]), "\r"),
	})
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
			p.refuse(key, at, "duplicate key, first on line %d; remove one", line)
		default:
			seen[key.Value] = key.Line
			read(value, at)
		}
	}
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
