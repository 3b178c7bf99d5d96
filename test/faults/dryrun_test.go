package faults

import (
	"testing"
)

// TestADryRunMovesNoPosition runs a dry run with the position of the real gateway,
// which is stopped meanwhile. The real one builds the same Events afterwards.
func TestADryRunMovesNoPosition(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "dry-run")
	g := p.start()
	g.Ready()
	first := p.occur(p.podEvent("first"))
	p.awaitPosition(first.ResourceVersion)
	g.Stop()
	before, err := p.position(t.Context())
	p.must(err)

	events := p.podEvents(p.watched, "n", 3)
	dry := p.start("--dry-run", listening)
	dry.Ready()
	dry.AwaitMetric(3, "builds_total", `outcome="dry-run"`)
	dry.Stop()
	after, err := p.position(t.Context())
	p.must(err)
	if after != before {
		t.Errorf("the dry run moved the position from %s to %s", before, after)
	}

	p.start()
	p.awaitPosition(events[2].ResourceVersion)
	p.report(4, p.ledger.compare(named(append(events, first)...), nil), "")
}
