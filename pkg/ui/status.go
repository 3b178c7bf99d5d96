package ui

// Status is what the daemon is doing.
type Status struct{}
