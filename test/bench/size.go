package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
)

// imageToReach is the size of the image in MiB.
const imageToReach = 45

// counter counts the bytes written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// measureSize measures the image: unpacked, which is the size of the binary, because
// the image has nothing else (`make image-test` checks that), and packed, as a released
// image is pulled: ko packs with gzip's fastest level. gzip's default level would save an eighth.
func measureSize(_ context.Context, b *bench) error {
	binary, err := os.Open(b.binary)
	if err != nil {
		return err
	}
	defer func() { _ = binary.Close() }()
	var packed counter
	packer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	unpacked, err := io.Copy(packer, binary)
	if err != nil {
		return fmt.Errorf("packing %s: %w", b.binary, err)
	}
	if err := packer.Close(); err != nil {
		return fmt.Errorf("packing %s: %w", b.binary, err)
	}
	size := float64(unpacked) / mib
	b.add(measurement{
		Row: "size", Case: "binary, and image unpacked", Unit: "MiB", Gateway: &size,
		ToReach: fmt.Sprintf("< %d MiB", imageToReach), Reached: new(size < imageToReach),
	})
	b.add(measurement{Row: "size", Case: "image as pulled", Unit: "MiB", Gateway: new(float64(packed) / mib)})
	return nil
}
