package eventinput

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// jsonReader reads a stream of JSON documents. It reads lists item by item, because
// a list may have all Events of a large cluster.
type jsonReader struct {
	in      *input
	lines   *lineCounter
	decoder *json.Decoder
}

func newJSONReader(in *input, r io.Reader) *jsonReader {
	lines := &lineCounter{r: r}
	return &jsonReader{in: in, lines: lines, decoder: json.NewDecoder(lines)}
}

func (r *jsonReader) read() error {
	for {
		r.in.document++
		r.in.item = -1
		token, err := r.decoder.Token()
		if errors.Is(err, io.EOF) {
			return r.in.end()
		}
		if err != nil {
			return r.broken(err)
		}
		start := r.decoder.InputOffset() - 1
		r.lines.at(start)
		switch token {
		case json.Delim('{'):
			err = r.object(start)
		case json.Delim('['):
			err = r.items()
		default:
			err = r.wrongAt(start, errNoObject)
		}
		if err != nil {
			return err
		}
	}
}

// object reads an object that starts at the given offset: a list, an Event, or an
// object of --output-watch-events.
func (r *jsonReader) object(start int64) error {
	fields := map[string]json.RawMessage{}
	isList := false
	for r.decoder.More() {
		key, err := r.decoder.Token()
		if err != nil {
			return r.broken(err)
		}
		if key == "items" {
			isList = true
			if err := r.list(start, fields); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		if err := r.decoder.Decode(&value); err != nil {
			return r.broken(err)
		}
		if name, ok := key.(string); ok {
			fields[name] = value
		}
	}
	if _, err := r.decoder.Token(); err != nil { // the brace
		return r.broken(err)
	}
	if isList {
		// kubectl prints the kind after the items.
		if list := typeOf(fields); !r.in.dump.skips(list) {
			if err := checkList(list); err != nil {
				return r.wrongAt(start, err)
			}
		}
		return nil
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return r.wrongAt(start, err)
	}
	e, err := decodeDocument(data)
	if err != nil {
		return r.wrongAt(start, err)
	}
	if e == nil {
		return nil
	}
	return r.in.do(e)
}

// list reads the items of a list. before are the fields before them.
func (r *jsonReader) list(start int64, before map[string]json.RawMessage) error {
	if r.in.dump.skips(typeOf(before)) {
		return r.skip()
	}
	if err := checkList(typeOf(before)); err != nil {
		return r.wrongAt(start, err)
	}
	switch token, err := r.decoder.Token(); {
	case err != nil:
		return r.broken(err)
	case token == nil:
		return nil
	case token != json.Delim('['):
		return r.wrongAt(start, errors.New("items is not a list"))
	default:
		return r.items()
	}
}

// items reads Events up to the end of an array.
func (r *jsonReader) items() error {
	for r.in.item = 0; r.decoder.More(); r.in.item++ {
		var value json.RawMessage
		if err := r.decoder.Decode(&value); err != nil {
			return r.broken(err)
		}
		start := r.decoder.InputOffset() - int64(len(value))
		r.lines.at(start)
		e, err := decodeEvent(value)
		if err != nil {
			return r.wrongAt(start, err)
		}
		if err := r.in.do(e); err != nil {
			return err
		}
	}
	r.in.item = -1
	if _, err := r.decoder.Token(); err != nil { // the bracket
		return r.broken(err)
	}
	return nil
}

// skip skips a value without holding it in memory.
func (r *jsonReader) skip() error {
	for depth := 0; ; {
		token, err := r.decoder.Token()
		if err != nil {
			return r.broken(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// wrongAt returns the error of the part of the input that starts at an offset.
func (r *jsonReader) wrongAt(offset int64, err error) error {
	line, column := r.lines.at(offset)
	return r.in.wrong(line, column, err)
}

// broken returns the error of a failed read or of invalid JSON.
func (r *jsonReader) broken(err error) error {
	offset := r.decoder.InputOffset()
	_, isSyntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.wrongAt(r.lines.read, errors.New("the input ends in the middle of an object"))
	case !isSyntax:
		return r.in.unreadable(err)
	}
	// A Decoder that has read tokens reports only the offset of a value with an
	// error. A new Decoder reports the offset of the error in the value.
	var value json.RawMessage
	if again, ok := errors.AsType[*json.SyntaxError](json.NewDecoder(r.decoder.Buffered()).Decode(&value)); ok {
		offset += max(0, again.Offset-1)
	}
	return r.wrongAt(offset, fmt.Errorf("not valid JSON: %w", err))
}

// typeOf returns the kind and apiVersion of an object.
func typeOf(fields map[string]json.RawMessage) metav1.TypeMeta {
	text := func(key string) string {
		var s string
		if err := json.Unmarshal(fields[key], &s); err != nil {
			return "" // not read yet, or not a string
		}
		return s
	}
	return metav1.TypeMeta{Kind: text("kind"), APIVersion: text("apiVersion")}
}

// lineCounter is a reader that converts offsets to lines and columns. It remembers
// only the line breaks after the last offset that was converted.
type lineCounter struct {
	r    io.Reader
	read int64
	// breaks are the offsets of the line breaks after the last converted offset.
	breaks []int64
	// line is the number of line breaks before it, and start the offset of its
	// line.
	line  int
	start int64
}

// Read reads from the underlying reader.
func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.breaks = append(c.breaks, c.read+int64(i))
		}
	}
	c.read += int64(n)
	return n, err
}

// at returns the line and column of an offset, both counted from 1. Offsets must
// not decrease.
func (c *lineCounter) at(offset int64) (line, column int) {
	before := 0
	for before < len(c.breaks) && c.breaks[before] < offset {
		c.start = c.breaks[before] + 1
		before++
	}
	c.line += before
	c.breaks = append(c.breaks[:0], c.breaks[before:]...)
	return c.line + 1, int(offset-c.start) + 1
}
