package main

import (
	"context"
	"fmt"
)

// measureGrowth measures throughput with more and more retained Events, for the plot
// of builds per second.
func measureGrowth(ctx context.Context, b *bench) error {
	for _, n := range b.scale.Retained {
		watch, err := b.retain(ctx, n)
		if err != nil {
			return err
		}
		if err := b.throughput(ctx, throughputLine{row: "growth", name: fmt.Sprintf("%d retained", n), size: n, watch: watch, events: b.scale.Growth, workers: 16, reach: 0.8}); err != nil {
			return err
		}
	}
	return nil
}
