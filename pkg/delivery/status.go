package delivery

import (
	"slices"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// Status has the waiting builds of a Queue, and why they wait.
type Status struct {
	// Waiting is the number of builds without an outcome, and Oldest when the oldest
	// of them was received.
	Waiting int
	Oldest  time.Time
	// Flows has the number of waiting builds by flow, the longest first, without those
	// that are being written.
	Flows []FlowLength
	// Limit is the limit in the filter file that has held builds back since Since, or
	// empty.
	Limit string
	Since time.Time
	// Until is when the limit allows the next build, or zero if that depends on running
	// builds.
	Until time.Time
	// Failing is whether the last attempt failed, at any destination.
	Failing bool
	// Destinations has the status of each destination, Brigade first.
	Destinations []DestinationStatus
}

// DestinationStatus has the waiting builds of one destination.
type DestinationStatus struct {
	Name    string
	Waiting int
	Oldest  time.Time
	Limit   string
	// Failing is whether the last attempt failed, so that one is made at a time.
	Failing bool
}

// Status returns the status of all destinations together, and of each.
func (d *Destinations) Status(now time.Time) Status {
	var s Status
	for _, q := range d.all() {
		own := q.Status(now)
		s.Waiting += own.Waiting
		if s.Oldest.IsZero() || !own.Oldest.IsZero() && own.Oldest.Before(s.Oldest) {
			s.Oldest = own.Oldest
		}
		s.Flows = append(s.Flows, own.Flows...)
		s.Failing = s.Failing || own.Failing
		if s.Limit == "" {
			s.Limit, s.Since, s.Until = own.Limit, own.Since, own.Until
		}
		s.Destinations = append(s.Destinations, DestinationStatus{
			Name: q.destination, Waiting: own.Waiting, Oldest: own.Oldest, Limit: own.Limit, Failing: own.Failing,
		})
	}
	slices.SortStableFunc(s.Flows, FlowLength.compare)
	return s
}

// Status returns the status of the Queue.
func (q *Queue) Status(now time.Time) Status {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Status{Waiting: len(q.pending), Flows: q.flowsLocked(), Failing: q.breaker.failing}
	for _, p := range q.pending {
		if s.Oldest.IsZero() || p.received.Before(s.Oldest) {
			s.Oldest = p.received
		}
	}
	for name, h := range q.limiter.holds {
		if !h.held {
			continue
		}
		s.Limit, s.Since = name, h.since
		if name == limitPace {
			s.Until = now.Add(q.limiter.bucket.Wait(now))
		}
	}
	return s
}

// flowsLocked returns the number of waiting builds by flow, the longest first.
func (q *Queue) flowsLocked() []FlowLength {
	all := make([]FlowLength, 0, 8)
	for flow, length := range q.flows.Lengths() {
		all = append(all, FlowLength{flow, length})
	}
	slices.SortFunc(all, FlowLength.compare)
	return all
}

// longestLocked returns the flow with the most builds without an outcome, and how many
// it has. Unlike q.flows it counts those that are being written, and takes linear time.
func (q *Queue) longestLocked() (limit.Flow, int) {
	lengths := map[limit.Flow]int{}
	for _, p := range q.pending {
		lengths[p.Flow()]++
	}
	var longest FlowLength
	for flow, length := range lengths {
		if l := (FlowLength{flow, length}); longest.Length == 0 || l.compare(longest) < 0 {
			longest = l
		}
	}
	return longest.Flow, longest.Length
}

// Waiting returns how many builds have no outcome yet and for how long the
// oldest of them has waited.
func (q *Queue) Waiting() (depth int, oldest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, p := range q.pending {
		oldest = max(oldest, now.Sub(p.received))
	}
	return len(q.pending), oldest
}

// countFlows returns how many flows have waiting builds, and how many the longest
// has. What is being written is not counted.
func (q *Queue) countFlows() (flows, longest int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, longest = q.flows.Longest()
	return q.flows.Count(), longest
}
