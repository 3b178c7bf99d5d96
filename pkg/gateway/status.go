package gateway

import (
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// Status is what a Gateway is doing, for the page.
type Status struct {
	// Leading is whether this replica reads Events and creates builds.
	Leading bool
	// Leader is the identity of the replica that leads, or empty if it is unknown.
	Leader string
	// Positions has the position of each scope; nil if this replica does not lead.
	Positions position.Positions
	// HeldSince is the time since which the position has not moved although a build
	// waits, or zero.
	HeldSince time.Time
	// Queue is the status of the queue.
	Queue delivery.Status
}

// Status returns what the Gateway is doing. It does not block.
func (g *Gateway) Status() Status {
	var s Status
	if leader := g.leader.Load(); leader != nil {
		s.Leader = *leader
	}
	if queue := g.queue.Load(); queue != nil {
		s.Leading = true
		s.Queue = queue.Status(time.Now())
	}
	if t := g.term.Load(); t != nil {
		s.Positions = t.positions()
	}
	if held := g.metrics.held.Load(); held != 0 {
		s.HeldSince = time.Unix(0, held)
	}
	return s
}
