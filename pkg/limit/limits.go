// Package limit bounds how fast and how many builds are made: pace, active
// builds, and how many may wait.
//
// It is pure: no client, no logger, no clock. Time comes in as a parameter.
package limit

// Limits bound what one gateway may do to a cluster. They are read from the
// filter file's `limits` section.
type Limits struct {
	// BuildsPerMinute is how many builds are started in a minute, on average.
	// Beyond it builds wait and none is lost. At least 1.
	BuildsPerMinute int
	// Burst is how many builds may start at once after a quiet time, before
	// BuildsPerMinute is felt. At least 1.
	Burst int
	// ActiveBuilds is how many worker pods may be pending or running at the
	// same time; 0 means no cap. Beyond it builds wait.
	ActiveBuilds int
	// Queued is how many waiting builds are kept. Beyond it the newest of the
	// longest flow is dropped, counted and reported. At least 1.
	Queued int
	// Paused holds all builds back, whatever the other limits say. It is the
	// filter file's `paused`.
	Paused bool
}

// DefaultLimits returns the limits of a file that sets none. They let a
// gateway that is configured wrongly cost about as much as one CI job a second,
// keep what waits within a few MiB, and let no build wait for longer than 17
// minutes: well within the hour for which the API server keeps Events by
// default, so that a restart finds what waits again.
func DefaultLimits() Limits {
	return Limits{BuildsPerMinute: 60, Burst: 20, ActiveBuilds: 0, Queued: 1000}
}
