// Command chartreadme writes the table of values into a chart's README, from
// the comments in its values.yaml.
//
//	chartreadme CHART-FOLDER
//
// It replaces the text between the two markers in README.md. A key's description is
// the first paragraph of the comment above it. A mapping has a row for each key if any
// of its keys has a comment, and one row otherwise.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	begin = "<!-- values: made from values.yaml by go generate -->\n"
	end   = "<!-- end of values -->\n"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chartreadme CHART-FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "chartreadme:", err)
		os.Exit(1)
	}
}

func write(chart string) error {
	values, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	path := filepath.Join(chart, "README.md")
	readme, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, foundBegin := strings.Cut(string(readme), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !foundBegin || !foundEnd {
		return fmt.Errorf("%s must contain the lines %q and %q", path, begin, end)
	}
	rows, err := table(values)
	if err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Join(chart, "values.yaml"), err)
	}
	return os.WriteFile(path, []byte(before+begin+rows+end+after), 0o644)
}

// table returns the values as a Markdown table.
func table(values []byte) (string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(values, &document); err != nil {
		return "", err
	}
	if document.Kind != yaml.DocumentNode || document.Content[0].Kind != yaml.MappingNode {
		return "", errors.New("not a mapping")
	}
	var b strings.Builder
	b.WriteString("| key | default | |\n|---|---|---|\n")
	if err := rows(&b, "", document.Content[0]); err != nil {
		return "", err
	}
	return b.String(), nil
}

// rows writes a row for each key of the mapping, whose path is prefix.
func rows(b *strings.Builder, prefix string, mapping *yaml.Node) error {
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		path := prefix + key.Value
		if value.Kind == yaml.MappingNode && commented(value) {
			if err := rows(b, path+".", value); err != nil {
				return err
			}
			continue
		}
		description := describe(key.HeadComment)
		if description == "" {
			return fmt.Errorf("%s has no comment", path)
		}
		shown, err := inline(value)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, shown, description)
	}
	return nil
}

// commented reports whether a key below the mapping has a comment.
func commented(mapping *yaml.Node) bool {
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if key.HeadComment != "" || value.Kind == yaml.MappingNode && commented(value) {
			return true
		}
	}
	return false
}

// describe returns the first paragraph of a comment, for a cell of a table.
func describe(comment string) string {
	var words []string
	for line := range strings.Lines(comment) {
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		if text == "" {
			break
		}
		words = append(words, text)
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(strings.Join(words, " "))
}

// inline returns a default value on one line, or a reference to values.yaml for a list
// of mappings.
func inline(value *yaml.Node) (string, error) {
	if value.Kind == yaml.SequenceNode && len(value.Content) > 0 && value.Content[0].Kind == yaml.MappingNode {
		return "see values.yaml", nil
	}
	bare(value)
	text, err := yaml.Marshal(value)
	if err != nil {
		return "", err
	}
	return "`" + strings.Join(strings.Fields(string(text)), " ") + "`", nil
}

// bare removes the comments of a value and sets the flow style.
func bare(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	node.Style |= yaml.FlowStyle
	if node.Kind == yaml.ScalarNode {
		node.Style &^= yaml.FlowStyle
	}
	for _, child := range node.Content {
		bare(child)
	}
}
