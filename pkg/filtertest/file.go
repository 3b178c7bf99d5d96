// Package filtertest runs unit tests for filter lists. A test file names a filter
// file and cases, each with Events and what is expected of them.
//
// Like explain, it uses pkg/decide for verdicts and pkg/identity for build IDs, so a
// test shows what the gateway does. It has no client: Events of a cluster are passed
// to the Recorder.
package filtertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/eventinput"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// maxSize is the maximum size of a test file in bytes. Recorded files are the
// largest, with some hundred bytes for each case.
const maxSize = 16 << 20

// File is a test file.
type File struct {
	// Path is the path of the test file.
	Path string
	// Filters is the path of the filter file, relative to the working directory.
	Filters string
	// AllowBrigadeEvents turns the loop guard off, as the gateway's flag does.
	AllowBrigadeEvents bool
	// Cases are the tests, in order.
	Cases []Case
}

// Case is one test.
type Case struct {
	// Name says what the case shows.
	Name string
	// Line is the line on which it begins in the file, from 1.
	Line int
	// Events occur in this order.
	Events []*corev1.Event
	// Want is what is expected of them.
	Want Expectation
}

// Expectation is what a case expects. Fields that are not set are not compared.
type Expectation struct {
	// Verdict, By, Destination, Project, CommitRef, LogLevel and EventType are
	// expected of each Event. Project is a name or an ID. Destination is brigade for
	// Events that start builds.
	Verdict, By, Destination, Project, CommitRef, LogLevel, EventType string
	// Accepted and Rejected are numbers of Events, Builds is the number of their
	// builds.
	Accepted, Rejected, Builds *int
	// Decided is the number of Events by what decides. If it is set it is complete:
	// what is not in it decides none.
	Decided map[string]int
}

// Read reads and checks the test file at path, and the files with Events that it
// names. Its error is a *config.Error if the content has faults.
func Read(ctx context.Context, path string) (*File, error) {
	data, err := config.ReadFile(path, maxSize)
	if err != nil {
		return nil, fmt.Errorf("reading the test file: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("reading the test file: %s has more than %d bytes, the maximum of a test file", path, maxSize)
	}
	document, err := config.ReadDocument(path, data, shape())
	if err != nil {
		return nil, err
	}
	p := &parser{path: path, document: document}
	file := p.file(ctx, document.Root)
	if len(p.faults) > 0 {
		return nil, &config.Error{Faults: p.faults}
	}
	return file, nil
}

// file reads the whole file.
func (p *parser) file(ctx context.Context, root *yaml.Node) *File {
	f := &File{Path: p.path}
	known := false
	p.mapping(root, "", map[string]func(*yaml.Node, string){
		"filters": func(node *yaml.Node, path string) {
			f.Filters = p.text(node, path)
			known = true
			if _, err := os.Stat(p.beside(f.Filters)); f.Filters != "" && errors.Is(err, fs.ErrNotExist) {
				p.refuse(node, path, "no file %s; the path is relative to this file", p.beside(f.Filters))
			}
		},
		"allowBrigadeEvents": func(node *yaml.Node, path string) { f.AllowBrigadeEvents = p.boolean(node, path) },
		"tests": func(node *yaml.Node, path string) {
			for i, item := range p.sequence(node, path) {
				f.Cases = append(f.Cases, p.testCase(ctx, item, fmt.Sprintf("%s[%d]", path, i)))
			}
		},
	})
	switch {
	case !known && len(p.faults) == 0:
		p.refuse(root, "filters", "missing; write the path of the filter file, relative to this file")
	case len(f.Cases) == 0 && len(p.faults) == 0:
		p.refuse(root, "tests", "no tests; write some, or record them with k8s-gateway test --record")
	}
	f.Filters = p.beside(f.Filters)
	seen := map[string]int{}
	for i := range f.Cases {
		c := &f.Cases[i]
		if line, ok := seen[c.Name]; ok && c.Name != "" {
			p.refuse(&yaml.Node{Line: c.Line, Column: 1}, fmt.Sprintf("tests[%d].name", i), "%q is also the name of the test on line %d", c.Name, line)
		}
		seen[c.Name] = c.Line
	}
	return f
}

// beside returns a path that is relative to the test file.
func (p *parser) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(p.path), path)
}

func (p *parser) testCase(ctx context.Context, node *yaml.Node, path string) Case {
	c := Case{Line: node.Line}
	faults := len(p.faults)
	var sources []string
	var s sequence
	p.mapping(node, path, map[string]func(*yaml.Node, string){
		"name": func(node *yaml.Node, path string) { c.Name = p.text(node, path) },
		"event": func(node *yaml.Node, path string) {
			sources = append(sources, "event")
			c.Events = p.occurrences(&s, node, path)
		},
		"events": func(node *yaml.Node, path string) {
			sources = append(sources, "events")
			for i, item := range p.sequence(node, path) {
				c.Events = append(c.Events, p.occurrences(&s, item, fmt.Sprintf("%s[%d]", path, i))...)
			}
		},
		"file": func(node *yaml.Node, path string) {
			sources = append(sources, "file")
			name := p.text(node, path)
			err := eventinput.File(p.beside(name)).Each(ctx, func(e *corev1.Event) error {
				c.Events = append(c.Events, e)
				return nil
			})
			if err != nil {
				p.refuse(node, path, "%s", err)
			}
		},
		"expect": func(node *yaml.Node, path string) { c.Want = p.expectation(node, path) },
	})
	switch {
	case node.Kind != yaml.MappingNode:
	case c.Name == "":
		p.refuse(node, path+".name", "missing; write what the test shows")
	case len(sources) != 1:
		p.refuse(node, path, "write exactly one of event, events and file")
	case c.Want.empty():
		p.refuse(node, path+".expect", "nothing is expected; write for example expect: {verdict: accept}")
	case len(c.Events) == 0 && len(p.faults) == faults && c.Want.ofEach():
		p.refuse(node, path+"."+sources[0], "no Events, of which nothing but accepted, rejected, builds and decided can be expected")
	}
	return c
}

// ofEach reports whether something is expected of each Event.
func (e *Expectation) ofEach() bool {
	return e.Verdict != "" || e.By != "" || e.Destination != "" || e.Project != "" || e.CommitRef != "" || e.LogLevel != "" || e.EventType != ""
}

// empty reports whether nothing is expected.
func (e *Expectation) empty() bool {
	return !e.ofEach() && e.Accepted == nil && e.Rejected == nil && e.Builds == nil && e.Decided == nil
}

func (p *parser) expectation(node *yaml.Node, path string) Expectation {
	var e Expectation
	text := func(into *string) func(*yaml.Node, string) {
		return func(node *yaml.Node, path string) { *into = p.text(node, path) }
	}
	number := func(into **int) func(*yaml.Node, string) {
		return func(node *yaml.Node, path string) { *into = p.number(node, path) }
	}
	p.mapping(node, path, map[string]func(*yaml.Node, string){
		"verdict": func(node *yaml.Node, path string) {
			if e.Verdict = p.text(node, path); e.Verdict != "accept" && e.Verdict != "reject" && e.Verdict != "" {
				p.refuse(node, path, "unknown verdict %q; allowed are accept and reject", e.Verdict)
			}
		},
		"by":          text(&e.By),
		"destination": text(&e.Destination),
		"project":     text(&e.Project),
		"commitRef":   text(&e.CommitRef),
		"logLevel": func(node *yaml.Node, path string) {
			e.LogLevel = p.text(node, path)
			if _, err := filter.ParseLogLevel(e.LogLevel); err != nil {
				p.refuse(node, path, "%s", err)
			}
		},
		"eventType": text(&e.EventType),
		"accepted":  number(&e.Accepted),
		"rejected":  number(&e.Rejected),
		"builds":    number(&e.Builds),
		"decided": func(node *yaml.Node, path string) {
			e.Decided = map[string]int{}
			if node.Kind != yaml.MappingNode {
				p.refuse(node, path, "expected a mapping from what decides to a number of Events")
				return
			}
			p.duplicates(node, path)
			for i := 0; i+1 < len(node.Content); i += 2 {
				if n := p.number(resolve(node.Content[i+1]), path+"."+node.Content[i].Value); n != nil {
					e.Decided[node.Content[i].Value] = *n
				}
			}
		},
	})
	return e
}
