package main

import (
	"fmt"
	"time"
)

// scale says how much of everything a run measures with.
type scale struct {
	// Repeats is how often a pair of gateway and bare client is measured; the
	// pair with the median ratio is shown.
	Repeats int `json:"repeats"`
	// Burst and Throughput are Events in one measurement of builds per second.
	Burst      int `json:"burst"`
	Throughput int `json:"throughput"`
	// Latency is how long 100 Events a second are created for.
	Latency time.Duration `json:"latency"`
	// Backlog is how many accepted Events wait at start.
	Backlog int `json:"backlog"`
	// Retained are the numbers of Events there are while memory is measured,
	// and Start the ones while the start is.
	Retained []int `json:"retained"`
	Start    []int `json:"start"`
	// Growth is how many Events come on top of the retained ones.
	Growth int `json:"growth"`
	// Storm is how many accepted Events meet buildsPerMinute: 60.
	Storm int `json:"storm"`
	// Large is how many Events of a megabyte there are at start.
	Large int `json:"large"`
	// Reading is how many rejected Events are read.
	Reading int `json:"reading"`
	// Page is how many Events browsers see at an even rate.
	Page int `json:"page"`
	// Restart is how many Events have builds when the gateway is killed.
	Restart int `json:"restart"`
	// Failovers is how often a leader is killed, and Handovers how often one is
	// stopped in order.
	Failovers int `json:"failovers"`
	Handovers int `json:"handovers"`
}

// scaleOf returns the scale with the given name. The numbers of the full one
// are those that docs/performance.md states what is to be reached for.
func scaleOf(name string) (scale, error) {
	switch name {
	case "small":
		return scale{
			Repeats: 1, Burst: 500, Throughput: 1000, Latency: 10 * time.Second, Backlog: 2000,
			Retained: []int{1000, 10_000}, Start: []int{10_000}, Growth: 1000, Storm: 5000, Large: 300, Reading: 20_000, Page: 10_000,
			Restart: 200, Failovers: 1, Handovers: 3,
		}, nil
	case "full":
		return scale{
			Repeats: 3, Burst: 500, Throughput: 5000, Latency: time.Minute, Backlog: 20_000,
			Retained: []int{1000, 10_000, 100_000, 300_000}, Start: []int{10_000, 100_000}, Growth: 2000, Storm: 50_000, Large: 300,
			Reading: 100_000, Page: 30_000, Restart: 1000, Failovers: 3, Handovers: 5,
		}, nil
	default:
		return scale{}, fmt.Errorf("unknown scale %q: must be small or full", name)
	}
}
