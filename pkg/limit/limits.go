// Package limit implements the limits on builds: pace and burst (Bucket), active
// builds (Active), and the queue in which namespaces take turns (Flows).
//
// pkg/delivery applies them where builds are created. The package is pure: no
// client, no logger, no clock. Time is a parameter.
package limit

// Limits is the `limits` section of the filter file.
type Limits struct {
	// BuildsPerMinute is the average number of builds created in a minute.
	// More builds wait, and none is lost. At least 1.
	BuildsPerMinute int
	// Burst is how many builds may be created at once before BuildsPerMinute
	// applies. At least 1.
	Burst int
	// ActiveBuilds is how many worker pods may be pending or running at the
	// same time; 0 is no limit. More builds wait.
	ActiveBuilds int
	// Queued is how many builds may wait. If more do, the newest build of the
	// longest flow is dropped, counted and reported. At least 1.
	Queued int
	// Paused holds all builds back. It is `paused` of the filter file.
	Paused bool
}

// DefaultLimits returns the limits of a file that sets none. A gateway that is
// configured wrongly then creates at most one build a second on average, what
// waits takes a few MiB, and no build waits longer than 17 minutes. The API
// server keeps Events for an hour by default, so a restart finds again what
// waits.
func DefaultLimits() Limits {
	return Limits{BuildsPerMinute: 60, Burst: 20, ActiveBuilds: 0, Queued: 1000}
}
