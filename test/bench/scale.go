package main

import (
	"fmt"
	"time"
)

// scale has the sizes of the measurements of a run.
type scale struct {
	// Repeats is how often a pair of gateway and bare client is measured; the
	// pair with the median ratio is shown.
	Repeats int `json:"repeats"`
	// Burst and Throughput are Events in one measurement of builds per second.
	Burst      int `json:"burst"`
	Throughput int `json:"throughput"`
	// Latency is how long 100 Events a second are created.
	Latency time.Duration `json:"latency"`
	// Backlog is the number of accepted Events that exist at start.
	Backlog int `json:"backlog"`
	// Retained has the numbers of existing Events in the row memory, and Start those
	// in the row start.
	Retained []int `json:"retained"`
	Start    []int `json:"start"`
	// Growth is the number of Events created in addition to the retained ones.
	Growth int `json:"growth"`
	// Storm is the number of accepted Events with buildsPerMinute: 60.
	Storm int `json:"storm"`
	// Large is the number of Events of a megabyte that exist at start.
	Large int `json:"large"`
	// Reading is the number of rejected Events.
	Reading int `json:"reading"`
	// Page is how many Events browsers see at an even rate.
	Page int `json:"page"`
	// Restart is the number of builds when the gateway is killed.
	Restart int `json:"restart"`
	// Failovers is how often a leader is killed, and Handovers how often one gets
	// SIGTERM.
	Failovers int `json:"failovers"`
	Handovers int `json:"handovers"`
}

// scaleOf returns the scale with the given name. The goals in docs/performance.md are
// for the full scale.
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
