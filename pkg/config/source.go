package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source is the file that is checked.
type source struct {
	shape Shape
	file  string
	data  []byte
	lines []string
	// around and scalar are set if the file is a text in another file: they are that
	// file and that text. Faults are reported at positions in that file.
	around *source
	scalar *yaml.Node
	// shown has the lines that faults show, masked.
	shown map[int]string
}

// newSource splits a filter file into lines. The first has no byte order mark, which some
// editors write.
func newSource(file string, data []byte) *source {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return &source{shape: filterFile(), file: file, data: data, lines: lines, shown: map[int]string{}}
}

// position is a place in the file. Line and column count from 1, the column in
// characters.
type position struct {
	line, column int
}

func at(node *yaml.Node) position {
	return position{line: node.Line, column: node.Column}
}

// fault returns a fault at a position, without secrets. A position after the end of
// the file, as parsers may return, is moved into it.
func (s *source) fault(p position, path, format string, args ...any) Fault {
	p.line = min(max(p.line, 1), len(s.lines))
	line := s.lines[p.line-1]
	p.column = min(max(p.column, 1), utf8.RuneCountInString(line)+1)
	if s.around != nil {
		return s.around.fault(s.outward(p), path, format, args...)
	}
	return Fault{
		File: s.file, Line: p.line, Column: p.column, Path: masked(path),
		Message: masked(fmt.Sprintf(format, args...)), Source: s.show(p.line),
	}
}

// show returns a line for a fault. A file of one line may have many faults.
func (s *source) show(number int) string {
	line, ok := s.shown[number]
	if !ok {
		line = masked(s.lines[number-1])
		s.shown[number] = line
	}
	return line
}

// document returns the root of the file's one YAML document.
//
// The tree comes from go.yaml.in/yaml/v3: its nodes have the exact line and column
// of every key and value, after tabs and in JSON too, and it keeps duplicate keys,
// which are reported. goccy/go-yaml does neither, but has the position of a syntax
// error, which yaml/v3 does not have; see syntaxFault.
func (s *source) document() (*yaml.Node, *Fault) {
	if fault := s.encodingFault(); fault != nil {
		return nil, fault
	}
	decoder := yaml.NewDecoder(bytes.NewReader(s.data))
	var doc yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, s.empty()
	case err != nil:
		return nil, s.syntaxFault(err)
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, s.syntaxFault(err)
	default:
		f := s.fault(at(&second), "", "a second YAML document; a %s is one document, remove the --- and what is below it", s.shape.Name)
		return nil, &f
	}
	root := resolve(doc.Content[0])
	if isNull(root) {
		return nil, s.empty()
	}
	return root, nil
}

// empty is the fault of a file without content.
func (s *source) empty() *Fault {
	f := s.fault(position{1, 1}, "", "the file is empty; it needs %s", s.shape.Needs)
	return &f
}

// encodingFault returns the first place that is not UTF-8.
func (s *source) encodingFault() *Fault {
	if utf8.Valid(s.data) {
		return nil
	}
	for i, line := range s.lines {
		column := 1
		for rest := line; rest != ""; column++ {
			r, width := utf8.DecodeRuneInString(rest)
			if r == utf8.RuneError && width == 1 {
				f := s.fault(position{i + 1, column}, "", "the byte 0x%02x is not valid UTF-8; save the file as UTF-8", rest[0])
				return &f
			}
			rest = rest[width:]
		}
	}
	return nil
}

// resolve returns the node that an alias refers to, and any other node as it is.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// isNull reports whether a node is YAML's null, however it is written.
func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}
