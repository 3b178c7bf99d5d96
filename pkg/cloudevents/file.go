package cloudevents

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// maxFile is the largest mounted file: the size of a Secret.
	maxFile = 1 << 20
	// settled is how old a change must be for the next one to have another time, because
	// some file systems count in milliseconds, and some in seconds.
	settled = 2 * time.Second
)

// file is a mounted file, which is read again when it changes. It is not safe for
// concurrent use. The nil file has no content.
type file struct {
	path    string
	content []byte
	seen    os.FileInfo
	read    time.Time
}

// newFile returns the file with the given path, or nil without a path.
func newFile(path string) *file {
	if path == "" {
		return nil
	}
	return &file{path: path}
}

// load returns the content, and whether it differs from what the last call
// returned.
func (f *file) load() (content []byte, changed bool, err error) {
	if f == nil {
		return nil, false, nil
	}
	now, err := os.Stat(f.path)
	if err != nil {
		return nil, false, err
	}
	if f.seen != nil && os.SameFile(f.seen, now) && f.seen.ModTime().Equal(now.ModTime()) && f.seen.Size() == now.Size() &&
		f.read.Sub(now.ModTime()) > settled {
		return f.content, false, nil
	}
	read := time.Now()
	content, err = readFile(f.path)
	if err != nil {
		return nil, false, err
	}
	changed = f.seen == nil || !bytes.Equal(content, f.content)
	f.content, f.seen, f.read = content, now, read
	return content, changed, nil
}

func readFile(path string) ([]byte, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxFile)
	}
	return content, nil
}
