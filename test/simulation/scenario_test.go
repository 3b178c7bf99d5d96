package simulation

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// scenario is a plan that is written by hand: the essential part of what a seed found
// once.
type scenario struct {
	planner
}

// newScenario returns a quiet plan: one replica without election that watches
// everything with one filter, for two minutes.
func newScenario(filters ...string) *scenario {
	s := &scenario{}
	s.shape = shape{filters: filters, perMinute: 60, burst: 5, queued: 100}
	s.plan = &plan{
		namespaces: []string{"team-a", "team-b"}, scopes: []position.Scope{position.AllNamespaces}, replicas: []string{"one"}, workers: 2,
		server:  ServerOptions{EventTTL: time.Hour, BuildNamespace: gatewayNamespace},
		longest: 5 * time.Second, heals: 2 * time.Minute, configs: []*plannedConfig{s.shape.planned()},
	}
	return s
}

// at plans an action at the given second of the run.
func (s *scenario) at(seconds int, what string, do func(*simulation)) {
	s.add(time.Duration(seconds)*time.Second, what, do)
}

// event plans a new Event.
func (s *scenario) event(seconds int, namespace, name string) {
	e := plannedEvent{namespace: namespace, name: name, kind: "Pod", reason: "BackOff", object: "web-0"}
	s.at(seconds, "event "+namespace+"/"+name, func(run *simulation) { run.createEvent(e) })
}

// storm plans many new Events at once.
func (s *scenario) storm(seconds int, namespace string, n int) {
	for i := range n {
		s.event(seconds, namespace, fmt.Sprint("storm-", seconds, "-", i))
	}
}

// restoreUnnoticedByTheStore plans a restore in which the ConfigMap does not
// change: the next save succeeds, and saves a position of the old history. So
// many Events are accepted shortly before it.
func (s *scenario) restoreUnnoticedByTheStore(accepted int) {
	s.at(1, "start", start)
	s.at(40, "backup", backup)
	// Positions are saved every three seconds: at 61, at 64.
	s.storm(63, "team-a", 8)
	s.storm(63, "team-b", accepted)
	s.add(63*time.Second+500*time.Millisecond, "restore", restore)
}

func start(s *simulation)   { s.start("one") }
func backup(s *simulation)  { s.backup() }
func restore(s *simulation) { s.restore() }

// TestScenarios simulates what seeds found once.
func TestScenarios(t *testing.T) {
	klog.SetLogger(logr.Discard())
	tests := map[string]func() *scenario{
		"an Event after a restore builds, though its window was built before it": func() *scenario {
			s := newScenario("type: Warning, action: accept, oncePer: 10m")
			s.at(1, "start", start)
			s.at(20, "backup", backup)
			s.event(25, "team-a", "before")
			s.at(40, "restore", restore)
			// The change of the position is found before the change of the history,
			// because by then the history has reached the same version again.
			for i := range 6 {
				s.event(41+i/3, "team-b", string(rune('a'+i)))
			}
			s.event(118, "team-a", "after")
			return s
		},
		"Events after a restore build, though the backup has no position": func() *scenario {
			s := newScenario("type: Warning, action: accept")
			// Slow, so that the position does not move and is not written.
			s.shape.perMinute, s.shape.burst = 2, 1
			s.plan.configs = []*plannedConfig{s.shape.planned()}
			s.at(1, "backup", backup)
			s.at(2, "start", start)
			for i := range 10 {
				s.event(4+i, "team-a", string(rune('a'+i)))
			}
			s.at(40, "restore", restore)
			s.event(41, "team-b", "after")
			return s
		},
		"an Event after a restore builds, though a position of the old history was saved in the restored ConfigMap": func() *scenario {
			s := newScenario("namespace: team-b, action: accept")
			s.shape.perMinute, s.shape.burst = 2, 1
			s.plan.configs = []*plannedConfig{s.shape.planned()}
			s.restoreUnnoticedByTheStore(20)
			s.event(70, "team-b", "after")
			s.storm(70, "team-a", 15) // past that position, and not as far as what was read
			return s
		},
		"Events after a restore build, though the history soon overtakes what was read": func() *scenario {
			s := newScenario("namespace: team-b, action: accept")
			s.plan.election = true
			s.restoreUnnoticedByTheStore(0)
			s.storm(70, "team-b", 40)
			return s
		},
		"Events after a restore build without a Lease too": func() *scenario {
			s := newScenario("namespace: team-b, action: accept")
			s.restoreUnnoticedByTheStore(0)
			s.storm(70, "team-b", 40)
			return s
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				happened := &trace{}
				for _, f := range run(test().plan, happened) {
					t.Error(f)
				}
				if t.Failed() {
					t.Logf("what happened:\n%s", happened)
				}
			})
		})
	}
}
