package main

import (
	"context"
	"fmt"
)

// measureGrowth measures throughput again with more and more Events retained
// beside those that come, for the plot of builds per second against them.
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
