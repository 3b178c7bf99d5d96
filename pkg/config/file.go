package config

import (
	"fmt"
	"io"
	"os"
)

// ReadFile returns the content of the file at path. Of one with more than most bytes it
// reads only a byte more, because that may be a device or not end: the caller refuses
// what is longer than most.
func ReadFile(path string, most int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(file, int64(most)+1))
}

// read returns the content of the filter file at path.
func read(path string) ([]byte, error) {
	data, err := ReadFile(path, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("reading the filter file: %w", err)
	}
	return data, nil
}
