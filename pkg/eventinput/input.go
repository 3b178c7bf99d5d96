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

// File is a source of Events that kubectl has printed into a file.
type File string

// Each reads the file.
func (f File) Each(ctx context.Context, do func(*corev1.Event) error) error {
	file, err := os.Open(string(f))
	if err != nil {
		return fmt.Errorf("reading Events: %w", err)
	}
	defer func() { _ = file.Close() }()
	return Stream{Name: string(f), Reader: file}.Each(ctx, do)
}

// Stream is a source of Events that kubectl prints, each of which is handed on
// as soon as it is complete.
type Stream struct {
	// Name is what errors call it.
	Name string
	// Reader is what kubectl writes into. Where ctx ends while a read waits,
	// the reader is not read any more, and the goroutine that waits stays until
	// there is something to read.
	Reader io.Reader
}

// Each reads the stream.
func (s Stream) Each(ctx context.Context, do func(*corev1.Event) error) error {
	// The reader may be a terminal or a pipe, which closing does not wake. So
	// somebody else reads from it, and can be left alone with that.
	out, in := io.Pipe()
	defer func() { _ = out.Close() }()
	go func() {
		_, err := io.Copy(in, s.Reader)
		in.CloseWithError(err) // nil is the end of the input
	}()
	defer context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })()
	return Read(s.Name, out, do)
}

// Error says that the input is not Events, and where.
type Error struct {
	// Input is the name of the input.
	Input string
	// Line and Column are where what Path names begins or, where that cannot
	// be read, where reading fails. They count from 1, the column in bytes; 0
	// is unknown.
	Line, Column int
	// Path is the part of the input: "document 2, items[5]".
	Path string
	// Err is what is wrong with it.
	Err error
}

// Error returns "events.json:120:9: document 2, items[5]: what is wrong".
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

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Read calls do with each Event that kubectl has printed to r, in order and as
// they come. It reads what `kubectl get events` prints with -o json and
// -o yaml, plain or compressed by gzip: a List, an EventList, single Events, an
// array of them; any number of these, one after the other, as --watch prints
// them; wrapped with a type as --output-watch-events has it, where deletions and
// bookmarks are left out because the gateway does not act on them; and what
// `kubectl cluster-info dump` prints, without what is not Events. Events are
// core/v1's or events.k8s.io's.
//
// Only the Event at hand is held in memory where the input is JSON, and two
// documents where it is YAML. The error is do's, or r's, or an *Error.
func Read(name string, r io.Reader, do func(*corev1.Event) error) error {
	// Windows PowerShell redirects into UTF-16 with a byte order mark.
	r, err := unzipped(r)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
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

// unzipped returns what is in r, decompressed where gzip has compressed it.
func unzipped(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	if magic, err := buffered.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return buffered, nil //nolint:nilerr // less than two bytes, or an error that reading will meet again
	}
	return gzip.NewReader(buffered)
}

// firstByte returns the first byte that is not white space, and takes none. It
// looks no further than the buffer reaches.
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

// input is where reading has come to, and where Events go.
type input struct {
	name string
	do   func(*corev1.Event) error
	// document counts from 1. item is the place in a list, -1 outside of one.
	document, item int
	dump           dump
}

// unreadable is the error of an input that does not let itself be read.
func (in *input) unreadable(err error) error {
	return fmt.Errorf("reading %s: %w", in.name, err)
}

// wrong is the error of the part of the input that is being read.
func (in *input) wrong(line, column int, err error) error {
	path := fmt.Sprintf("document %d", in.document)
	if in.item >= 0 {
		path += fmt.Sprintf(", items[%d]", in.item)
	}
	return &Error{Input: in.name, Line: line, Column: column, Path: path, Err: err}
}

// end is the end of the input.
func (in *input) end() error {
	if err := in.dump.end(); err != nil {
		in.document = 1
		return in.wrong(1, 1, err)
	}
	return nil
}
