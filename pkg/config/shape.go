package config

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// Shape is what a file is, for reports of one that is not valid YAML.
type Shape struct {
	// Name is what the file is, for example "filter file".
	Name string
	// Needs says what a file must have.
	Needs string
	// Keys are the keys of the file's mappings. A key without a colon is recognized by them.
	Keys []string
	// filters is whether the file's items are filters, all of which begin in one column, and
	// whether it may be the template of a chart.
	filters bool
}

func filterFile() Shape {
	return Shape{
		Name: "filter file", Needs: "at least `filters`, or run without a file to observe only",
		Keys: slices.Concat(filterKeys(), fileKeys()), filters: true,
	}
}

// Document is a file of one YAML document.
type Document struct {
	// Root is the value of the document.
	Root   *yaml.Node
	source *source
}

// ReadDocument reads a file of the given shape, other than a filter file. The error is
// an *Error with the fault of a file that is not one YAML document.
func ReadDocument(file string, data []byte, shape Shape) (*Document, error) {
	s := newSource(file, data)
	s.shape = shape
	root, fault := s.document()
	if fault != nil {
		return nil, &Error{Faults: []Fault{*fault}}
	}
	return &Document{Root: root, source: s}, nil
}

// Fault returns a fault of the setting path, at the position of a node.
func (d *Document) Fault(node *yaml.Node, path, format string, args ...any) Fault {
	return d.source.fault(at(node), path, format, args...)
}
