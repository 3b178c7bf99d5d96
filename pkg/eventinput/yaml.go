package eventinput

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// yamlReader reads a stream of YAML documents. It holds a whole document in memory,
// which is complete when the next one starts.
type yamlReader struct {
	in      *input
	below   *errorReader
	decoder *yaml.Decoder
}

func newYAMLReader(in *input, r io.Reader) *yamlReader {
	below := &errorReader{r: r}
	return &yamlReader{in: in, below: below, decoder: yaml.NewDecoder(below)}
}

// errorReader is a reader that keeps the error of a failed read, of which the decoder
// keeps only the text.
type errorReader struct {
	r   io.Reader
	err error
}

// Read reads from the underlying reader.
func (w *errorReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

func (r *yamlReader) read() error {
	for {
		r.in.document++
		r.in.item = -1
		var document yaml.Node
		err := r.decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return r.in.end()
		}
		if err != nil {
			return r.broken(err)
		}
		for _, node := range document.Content { // one at most
			if err := r.root(resolve(node)); err != nil {
				return err
			}
		}
	}
}

// root reads the root node of a document.
func (r *yamlReader) root(node *yaml.Node) error {
	switch {
	case node.Kind == yaml.SequenceNode:
		return r.items(node)
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		return nil // nothing between two separators
	case node.Kind != yaml.MappingNode:
		return r.wrongAt(node, errNoObject)
	}
	items := valueOf(node, "items")
	if items == nil {
		return r.decode(node, decodeDocument)
	}
	list := metav1.TypeMeta{Kind: textOf(node, "kind"), APIVersion: textOf(node, "apiVersion")}
	if r.in.dump.skips(list) {
		return nil
	}
	if err := checkList(list); err != nil {
		return r.wrongAt(node, err)
	}
	switch {
	case items.Kind == yaml.SequenceNode:
		return r.items(items)
	case items.ShortTag() == "!!null":
		return nil
	default:
		return r.wrongAt(node, errors.New("items is not a list"))
	}
}

// items reads the Events of a sequence.
func (r *yamlReader) items(sequence *yaml.Node) error {
	for i, item := range sequence.Content {
		r.in.item = i
		if err := r.decode(resolve(item), decodeEvent); err != nil {
			return err
		}
	}
	return nil
}

// decode converts a node to JSON, as Kubernetes does, decodes it, and passes the
// Event on.
func (r *yamlReader) decode(node *yaml.Node, decode func([]byte) (*corev1.Event, error)) error {
	if node.Kind != yaml.MappingNode {
		return r.wrongAt(node, errNoObject)
	}
	var value map[string]any
	if err := node.Decode(&value); err != nil {
		return r.wrongAt(node, trimmed(err))
	}
	data, err := json.Marshal(value)
	if err != nil {
		return r.wrongAt(node, errors.New("YAML that cannot be converted to JSON: a key is not a string, or a number is not finite"))
	}
	e, err := decode(data)
	if err != nil {
		return r.wrongAt(node, err)
	}
	if e == nil {
		return nil
	}
	return r.in.do(e)
}

func (r *yamlReader) wrongAt(node *yaml.Node, err error) error {
	return r.in.wrong(node.Line, node.Column, err)
}

// broken returns the error of a failed read or of invalid YAML.
func (r *yamlReader) broken(err error) error {
	if r.below.err != nil {
		return r.in.unreadable(r.below.err)
	}
	cause := trimmed(err)
	line := 0
	if match := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(cause.Error()); match != nil {
		line, _ = strconv.Atoi(match[1]) // 0 on overflow, which is unknown
		cause = errors.New(match[2])
	}
	return r.in.wrong(line, 0, fmt.Errorf("neither JSON nor YAML: %w; have kubectl print with -o json or -o yaml", cause))
}

// trimmed removes the name of the library from an error.
func trimmed(err error) error {
	if text, ok := strings.CutPrefix(err.Error(), "yaml: "); ok {
		return errors.New(text)
	}
	return err
}

// resolve follows aliases.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// valueOf returns the value of a key of a mapping, or nil.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if resolve(mapping.Content[i]).Value == key {
			return resolve(mapping.Content[i+1])
		}
	}
	return nil
}

// textOf returns the text of a key of a mapping, or "".
func textOf(mapping *yaml.Node, key string) string {
	if value := valueOf(mapping, key); value != nil {
		return value.Value
	}
	return ""
}
