package gateway

import (
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// Status is what a Gateway is doing.
type Status struct {
	// Leading is whether this replica reads Events and creates builds.
	Leading bool
	// Leader is the identity of the replica that leads, where it is known.
	Leader string
	// Positions are how far each scope has come; nil where it does not lead.
	Positions position.Positions
	// HeldSince is since when the position has not moved although builds wait.
	HeldSince time.Time
	// Queue is what waits.
	Queue delivery.Status
}

// Status returns what the Gateway is doing. It does not wait for anything.
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
