package faults

import (
	"testing"
)

func TestKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "kill-9")
	g := p.begin()
	for range rounds(3) {
		p.someMore()
		g.Kill()
		if p.dice.IntN(2) == 0 {
			p.someMore() // while nobody watches
		}
		g = p.start()
		if p.dice.IntN(2) == 0 {
			g.Ready()
		} // else the next kill may meet it at its start
	}
	p.finish("", g)
}

func TestTerminatedAndStartedAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "sigterm")
	g := p.begin()
	for range rounds(2) {
		p.someMore()
		g.Stop()
		if p.dice.IntN(2) == 0 {
			p.someMore()
		}
		g = p.start()
	}
	p.finish("", g)
}
