package faults

import (
	"testing"
)

// accepting returns a filter file that accepts one kind of object.
func accepting(kind string) string {
	return unlimited + "filters:\n  - kind: " + kind + "\n    action: accept\n"
}

// phase is one run with one filter file.
type phase struct {
	kind string
	// decided is the position at its end, and written the last Event until then.
	decided, written string
}

// TestFiltersChanged changes the filter file while the gateway is stopped.
// Each Event is decided by the list that is current when it is processed: up to the
// stored position by the list before, beyond it by the next. What lies beyond
// it and had been built by the time the gateway stopped stays built.
func TestFiltersChanged(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "filters-changed")
	kinds := []string{"Pod", "Job"}
	p.filter(accepting(kinds[0]))
	g := p.start()
	g.Ready()
	p.writer = newWriter(p)
	p.writer.once = true
	p.writer.start()
	var phases []phase
	for round := range rounds(2) {
		p.someMore()
		g.Stop()
		stored, err := p.position(t.Context())
		p.must(err)
		phases = append(phases, phase{kind: kinds[round%2], decided: stored, written: p.writer.version()})
		p.someMore()
		p.filter(accepting(kinds[(round+1)%2]))
		g = p.start()
	}
	p.someMore()
	p.writer.stop()
	last := p.writer.version()
	p.awaitPosition(last)
	g.Stop()
	phases = append(phases, phase{kind: kinds[len(phases)%2], decided: last, written: last})

	due, may := map[string]string{}, map[string]string{}
	for _, o := range p.writer.events {
		for _, in := range phases {
			if reached(in.decided, o.version) {
				if o.kind == in.kind {
					due[string(o.uid)] = o.name
				}
				break
			}
			if o.kind == in.kind && reached(in.written, o.version) {
				may[string(o.uid)] = o.name
			}
		}
	}
	p.report(len(p.writer.events), p.ledger.compare(due, may), "")
}
