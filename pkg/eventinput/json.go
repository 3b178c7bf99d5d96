package eventinput

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// jsonReader reads JSON documents that follow each other. It takes lists apart
// item by item, for one may hold all Events of a large cluster.
type jsonReader struct {
	*input

	lines   *lineCounter
	decoder *json.Decoder
}

func newJSONReader(in *input, r io.Reader) *jsonReader {
	lines := &lineCounter{r: r}
	return &jsonReader{input: in, lines: lines, decoder: json.NewDecoder(lines)}
}

// read reads all documents.
func (r *jsonReader) read() error {
	for {
		r.document++
		r.item = -1
		token, err := r.decoder.Token()
		if errors.Is(err, io.EOF) {
			return r.end()
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

// object reads an object that began at start: a list, an Event, or an Event
// with a wrapper.
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
		// kubectl prints the kind behind the items.
		if list := typeOf(fields); !r.dump.skips(list) {
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
	return r.do(e)
}

// list reads the items of a list whose fields ahead of them are given.
func (r *jsonReader) list(start int64, ahead map[string]json.RawMessage) error {
	if r.dump.skips(typeOf(ahead)) {
		return r.skip()
	}
	if err := checkList(typeOf(ahead)); err != nil {
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
	for r.item = 0; r.decoder.More(); r.item++ {
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
		if err := r.do(e); err != nil {
			return err
		}
	}
	r.item = -1
	if _, err := r.decoder.Token(); err != nil { // the bracket
		return r.broken(err)
	}
	return nil
}

// skip reads a value item by item and forgets it.
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

// wrongAt is the error of the part of the input that begins at an offset.
func (r *jsonReader) wrongAt(offset int64, err error) error {
	line, column := r.lines.at(offset)
	return r.wrong(line, column, err)
}

// broken is the error of input that the decoder refuses.
func (r *jsonReader) broken(err error) error {
	offset := r.decoder.InputOffset()
	_, isSyntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.wrongAt(r.lines.read, errors.New("the input ends in the middle of an object"))
	case !isSyntax:
		return r.unreadable(err)
	}
	// A Decoder that has read tokens does not know where inside a value an
	// error is, but that the value begins here. A new one knows.
	var value json.RawMessage
	if again, ok := errors.AsType[*json.SyntaxError](json.NewDecoder(r.decoder.Buffered()).Decode(&value)); ok {
		offset += max(0, again.Offset-1)
	}
	return r.wrongAt(offset, fmt.Errorf("not valid JSON: %w", err))
}

// typeOf returns what the fields of an object say it is.
func typeOf(fields map[string]json.RawMessage) metav1.TypeMeta {
	text := func(key string) string {
		var s string
		if err := json.Unmarshal(fields[key], &s); err != nil {
			return "" // not there yet, or no text
		}
		return s
	}
	return metav1.TypeMeta{Kind: text("kind"), APIVersion: text("apiVersion")}
}

// lineCounter knows which line of what was read through it an offset is on. It
// remembers the line breaks behind the last offset it was asked for and
// forgets those ahead of it.
type lineCounter struct {
	r    io.Reader
	read int64
	// breaks are the offsets of line breaks that were read and not passed.
	breaks []int64
	// line and start are the number of line breaks passed, and where the line
	// behind the last of them begins.
	line  int
	start int64
}

// Read reads from the reader below.
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

// at returns the line and column of an offset, both from 1. Offsets must not
// decrease.
func (c *lineCounter) at(offset int64) (line, column int) {
	passed := 0
	for passed < len(c.breaks) && c.breaks[passed] < offset {
		c.start = c.breaks[passed] + 1
		passed++
	}
	c.line += passed
	c.breaks = append(c.breaks[:0], c.breaks[passed:]...)
	return c.line + 1, int(offset-c.start) + 1
}
