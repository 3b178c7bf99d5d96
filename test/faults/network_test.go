package faults

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// quickPing makes client-go notice a dead connection within seconds. By default its
// HTTP/2 health check takes 30 and 15 seconds
// (k8s.io/apimachinery/pkg/util/net, SetTransportDefaults).
var quickPing = []string{"HTTP2_READ_IDLE_TIMEOUT_SECONDS=1", "HTTP2_PING_TIMEOUT_SECONDS=1"}

// watches counts the watches since the n-th request.
func (p *proxy) watches(n int) int {
	watches := 0
	for _, r := range p.since(n) {
		if r.query.Get("watch") == "true" {
			watches++
		}
	}
	return watches
}

func TestConnectionFrozen(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "frozen")
	network := newProxy(p)
	g := p.beginWith(quickPing)
	for range rounds(1) {
		p.someMore()
		n := len(network.since(0))
		network.freeze()
		p.someMore()
		controlplane.Eventually(t, func(context.Context) error {
			if network.watches(n) == 0 {
				return fmt.Errorf("the gateway has not begun another watch")
			}
			return nil
		})
	}
	p.finish("", g)
}

func TestConnectionCut(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "cut")
	network := newProxy(p)
	g := p.begin()
	for range rounds(3) {
		p.someMore()
		network.cut()
	}
	p.finish("", g)
}

// TestAnswersLost loses the answers to some writes of builds and positions. The writes
// succeeded, which the gateway cannot know.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "answers-lost")
	network := newProxy(p)
	g := p.begin(elected...)
	leads(g)
	secrets, positions := 0, 0
	// awaitLost waits until one more answer of a kind is lost. The writer continues.
	awaitLost := func(what string, count *int, before int) {
		controlplane.Eventually(t, func(context.Context) error {
			network.mu.Lock()
			defer network.mu.Unlock()
			if *count == before {
				return fmt.Errorf("no answer to the write of a %s got lost", what)
			}
			return nil
		})
	}
	for range rounds(1) {
		before := secrets
		network.lose(oneOf(5, "/secrets", p.dice.IntN(5), &secrets))
		p.someMore()
		p.someMore()
		awaitLost("build", &secrets, before)
		before = positions
		network.lose(oneOf(1, "/configmaps", 0, &positions))
		awaitLost("position", &positions, before)
		network.lose(nil)
	}
	p.finish(fmt.Sprintf(" lost=%d", secrets+positions), g)
	if n := len(g.Records(daemon.WithMessage("position was written by another gateway, giving up the lead"))); n > 0 {
		t.Errorf("the gateway took its own writes of the position for another's %d times", n)
	}
}

// oneOf selects one of each n writes whose path contains the given text, except the
// first few, and counts them.
func oneOf(n int, text string, first int, count *int) func(*http.Request) bool {
	seen := 0
	return func(r *http.Request) bool {
		writes := r.Method == http.MethodPut || r.Method == http.MethodPost
		if !writes || !strings.Contains(r.URL.Path, text) {
			return false
		}
		seen++
		if (seen-1)%n != first {
			return false
		}
		*count++
		return true
	}
}
