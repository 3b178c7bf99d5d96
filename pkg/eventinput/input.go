// Package eventinput reads Events that kubectl printed: JSON or YAML, lists or
// single objects, of core/v1 or events.k8s.io/v1.
//
// It is how the commands that try a filter list, which are explain, test and
// ui, get Events without a cluster. It decides nothing.
package eventinput

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	corev1 "k8s.io/api/core/v1"
)

// File is the path of a file with kubectl output.
type File string

// Each calls do for each Event in the file.
func (f File) Each(ctx context.Context, do func(*corev1.Event) error) error {
	file, err := os.Open(string(f))
	if err != nil {
		return fmt.Errorf("reading Events: %w", err)
	}
	defer func() { _ = file.Close() }()
	return Stream{Name: string(f), Reader: file}.Each(ctx, do)
}

// Stream is kubectl output from a reader. Each Event is passed on as soon as it is
// complete.
type Stream struct {
	// Name is its name in errors.
	Name string
	// Reader may block. If the context of Each ends while it does, Each returns,
	// and a goroutine stays until the read returns.
	Reader io.Reader
}

// Each calls do for each Event in the stream, until ctx ends.
func (s Stream) Each(ctx context.Context, do func(*corev1.Event) error) error {
	// A read from a terminal or a pipe does not return when it is closed, so
	// another goroutine reads.
	out, in := io.Pipe()
	defer func() { _ = out.Close() }()
	go func() {
		_, err := io.Copy(in, s.Reader)
		in.CloseWithError(err) // nil is the end of the input
	}()
	defer context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })()
	return Read(s.Name, out, do)
}

// Error is the error of input that is not Events, with its position.
type Error struct {
	// Input is the name of the input.
	Input string
	// Line and Column are the start of the part that Path names or, for invalid
	// syntax, the position of the error. They count from 1, and the column is in
	// bytes; 0 is unknown.
	Line, Column int
	// Path is the part of the input: "document 2, items[5]".
	Path string
	// Err is the cause.
	Err error
}

// Error returns "events.json:120:9: document 2, items[5]: <cause>".
func (e *Error) Error() string {
	at := e.Input
	if e.Line > 0 {
		at += fmt.Sprintf(":%d", e.Line)
		if e.Column > 0 {
			at += fmt.Sprintf(":%d", e.Column)
		}
	}
	return fmt.Sprintf("%s: %s: %v", at, e.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Read calls do for each Event in r, in order, as soon as it is complete. It reads
// the JSON and YAML output of
//
//   - kubectl get events: a List or an EventList
//   - kubectl get event NAME: one Event
//   - kubectl get events --watch: Events one after the other
//   - kubectl get events --watch --output-watch-events: Events in objects with a
//     type. Deletions and bookmarks are skipped, because the gateway ignores them
//   - kubectl cluster-info dump: what is not Events is skipped
//
// and arrays of Events, each also compressed with gzip or in UTF-16. Events may be
// of core/v1 or events.k8s.io/v1.
//
// It holds one Event in memory if the input is JSON, and two documents if it is
// YAML. Its error is that of do or of r, or an *Error.
func Read(name string, r io.Reader, do func(*corev1.Event) error) error {
	r, err := unzipped(r)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	// Windows PowerShell redirects output as UTF-16 with a byte order mark.
	buffered := bufio.NewReader(withoutLogs(transform.NewReader(r, unicode.BOMOverride(transform.Nop))))
	in := &input{name: name, do: do}
	switch first, err := firstByte(buffered); {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: empty; pipe or save what `kubectl get events -o json` prints", name)
	case err != nil:
		return in.unreadable(err)
	case first == '{' || first == '[':
		return newJSONReader(in, buffered).read()
	default:
		return newYAMLReader(in, buffered).read()
	}
}

// unzipped decompresses r if it is gzip.
func unzipped(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	if magic, err := buffered.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return buffered, nil //nolint:nilerr // less than two bytes, or an error that the next read returns
	}
	return gzip.NewReader(buffered)
}

// firstByte returns the first byte that is not white space, without reading it. It
// returns a space if there is none in the buffer.
func firstByte(r *bufio.Reader) (byte, error) {
	for n := 1; ; n++ {
		ahead, err := r.Peek(n)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return ' ', nil
		case err != nil:
			return 0, err
		}
		switch c := ahead[n-1]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, nil
		}
	}
}

// input is the state of reading.
type input struct {
	name string
	do   func(*corev1.Event) error
	// document counts from 1. item is the index in a list, or -1.
	document, item int
	dump           dump
}

func (in *input) unreadable(err error) error {
	return fmt.Errorf("reading %s: %w", in.name, err)
}

// wrong returns an *Error for the current part of the input.
func (in *input) wrong(line, column int, err error) error {
	path := fmt.Sprintf("document %d", in.document)
	if in.item >= 0 {
		path += fmt.Sprintf(", items[%d]", in.item)
	}
	return &Error{Input: in.name, Line: line, Column: column, Path: path, Err: err}
}

// end is called at the end of the input.
func (in *input) end() error {
	if err := in.dump.end(); err != nil {
		in.document = 1
		return in.wrong(1, 1, err)
	}
	return nil
}
