package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

// namespaces are those of Events; a run has some of them.
var namespaces = []string{"team-a", "team-b", "team-c", "team-d"} //nolint:gochecknoglobals // a constant

// destinationNames are those of receivers; some runs have one or both.
var destinationNames = []string{"west", "east"} //nolint:gochecknoglobals // a constant

const (
	gatewayNamespace = "brigade"
	positionName     = "k8s-gateway-position"
	leaseName        = "k8s-gateway"
)

// plan is everything that happens to a gateway in one run. It depends only on the
// seed.
type plan struct {
	seed uint64
	// namespaces are those with Events, and scopes are watched.
	namespaces []string
	scopes     []position.Scope
	replicas   []string
	election   bool
	replay     bool
	pushDown   bool
	// dryRun has the first process run with --dry-run.
	dryRun  bool
	json    bool
	workers int
	server  ServerOptions
	// longest is the longest time a worker runs.
	longest time.Duration
	configs []*plannedConfig
	faults  []plannedFault
	// receiverFaults are those of receivers.
	receiverFaults []plannedFault
	actions        []action
	// heals is when the last fault has ended and every replica runs.
	heals time.Duration
}

// plannedFault is a fault at a time since the start of the run.
type plannedFault struct {
	fault     fault
	at, until time.Duration
}

// action is one thing that is done to the cluster or to a gateway.
type action struct {
	at   time.Duration
	what string
	do   func(s *simulation)
}

// themes are the things that happen in a run. Each is in about half of the runs, so
// that some runs have few of them often.
type themes struct {
	updates, deletes, expiry, storms, edits, lists, stops, kills, restore, positions, compactions, faults, poison bool
	// birth has a gateway killed before it could build anything, while it replays
	// the Events of several namespaces.
	birth bool
}

// planner draws a plan.
type planner struct {
	rng    *rand.Rand
	plan   *plan
	themes themes
	// names counts the Events of each namespace.
	names map[string]int
	shape shape
}

// newPlan draws the plan of a seed.
func newPlan(seed uint64) *plan {
	d := &planner{rng: rand.New(rand.NewPCG(seed, 0x6a09e667f3bcc908)), names: map[string]int{}}
	coin := func() bool { return d.rng.IntN(2) == 0 }
	d.themes = themes{
		updates: coin(), deletes: coin(), expiry: coin(), storms: coin(), edits: coin(), lists: coin(), stops: coin(), kills: coin(),
		restore: d.rng.IntN(5) == 0, positions: coin(), compactions: coin(), faults: d.rng.IntN(4) > 0, poison: d.rng.IntN(4) == 0,
		birth: d.rng.IntN(8) == 0,
	}
	d.plan = &plan{
		seed: seed, namespaces: namespaces[:1+d.rng.IntN(len(namespaces))], replay: d.rng.IntN(3) == 0, pushDown: coin(), json: d.rng.IntN(4) == 0,
		workers: 1 + d.rng.IntN(4), longest: time.Duration(2+d.rng.IntN(30)) * time.Second,
		server: ServerOptions{NoWatchList: d.rng.IntN(3) == 0, EventTTL: time.Hour, BuildNamespace: gatewayNamespace, Seed: seed},
		heals:  time.Duration(90+d.rng.IntN(300)) * time.Second,
	}
	d.cluster()
	d.events()
	d.edits()
	d.gateways()
	d.clusterFaults()
	d.losePositionsBeforeStops()
	d.receivers()
	slices.SortStableFunc(d.plan.actions, func(a, b action) int { return cmp.Compare(a.at, b.at) })
	return d.plan
}

// cluster draws what is watched and by how many.
func (d *planner) cluster() {
	p := d.plan
	if d.themes.expiry {
		p.server.EventTTL = time.Duration(60+d.rng.IntN(240)) * time.Second
	}
	p.scopes = []position.Scope{position.AllNamespaces}
	if d.rng.IntN(3) == 0 {
		p.scopes = nil
		for _, namespace := range p.namespaces {
			p.scopes = append(p.scopes, position.Scope(namespace))
		}
	}
	if d.themes.birth {
		p.replay, p.namespaces, p.scopes = true, namespaces[:2+d.rng.IntN(3)], nil
		for _, namespace := range p.namespaces {
			p.scopes = append(p.scopes, position.Scope(namespace))
		}
	}
	p.replicas = []string{"one"}
	if d.rng.IntN(3) == 0 && !d.themes.restore && !d.themes.birth {
		p.replicas = append(p.replicas, "two")
	}
	p.dryRun = len(p.replicas) == 1 && d.rng.IntN(12) == 0
	p.election = len(p.replicas) > 1 || d.rng.IntN(2) == 0
	own := rand.New(rand.NewPCG(p.seed, 0x3c6ef372fe94f82b))
	d.shape = newShape(d.rng, own, destinationNames[:own.IntN(len(destinationNames)+1)])
	p.configs = []*plannedConfig{d.shape.planned()}
}

// add plans an action. No two are at the same moment.
func (d *planner) add(at time.Duration, what string, do func(*simulation)) {
	at = at.Truncate(time.Millisecond) + time.Duration(137+len(d.plan.actions)%800)*time.Microsecond
	d.plan.actions = append(d.plan.actions, action{at: at, what: what, do: do})
}

// within draws a time before the run heals.
func (d *planner) within(from time.Duration) time.Duration {
	return from + time.Duration(d.rng.Int64N(int64(max(d.plan.heals-from, time.Second))))
}

// events draws the life of Events: a steady trickle in each namespace, storms
// in some, and some that were there before the gateway.
func (d *planner) events() {
	p := d.plan
	for _, namespace := range p.namespaces {
		for range d.rng.IntN(6) {
			d.event(0, namespace)
		}
		every := time.Duration(5+d.rng.IntN(40)) * time.Second
		for at := d.within(0) / 4; at < p.heals+20*time.Second; at += every/2 + time.Duration(d.rng.Int64N(int64(every))) {
			d.event(at, namespace)
		}
		if d.themes.storms && d.rng.IntN(2) == 0 {
			start, size := d.within(10*time.Second), 10+d.rng.IntN(60)
			for range size {
				d.event(start+time.Duration(d.rng.IntN(4000))*time.Millisecond, namespace)
			}
		}
	}
}

// event draws the life of one Event.
func (d *planner) event(at time.Duration, namespace string) {
	d.names[namespace]++
	e := plannedEvent{
		namespace: namespace, name: fmt.Sprintf("e%d", d.names[namespace]),
		kind: pick(d.rng, "Pod", "Pod", "Pod", "Job", "Node"), reason: pick(d.rng, "BackOff", "Failed", "Evicted", "Pulled"),
		object: fmt.Sprintf("thing-%d", d.rng.IntN(4)),
	}
	switch {
	case d.themes.poison && d.rng.IntN(12) == 0:
		e.message = pick(d.rng, tooLargeMark, invalidMark)
	case d.rng.IntN(40) == 0:
		e.kind, e.object = "Pod", "brigade-worker-01arz3ndektsv4rrffq69g5fav"
	}
	d.add(at, fmt.Sprintf("event %s/%s %s %s %s", e.namespace, e.name, e.reason, e.kind, e.object), func(s *simulation) { s.createEvent(e) })
	if d.themes.updates && d.rng.IntN(3) == 0 {
		next := at
		for count := int32(2); count < 2+int32(d.rng.IntN(5)); count++ {
			next += time.Duration(200+d.rng.IntN(20000)) * time.Millisecond
			d.add(next, fmt.Sprintf("event %s/%s occurs again, count %d", e.namespace, e.name, count), func(s *simulation) { s.countEvent(e, count) })
		}
	}
	if d.themes.deletes && d.rng.IntN(5) == 0 {
		d.add(at+time.Duration(1+d.rng.IntN(60))*time.Second, fmt.Sprintf("delete event %s/%s", e.namespace, e.name), func(s *simulation) { s.deleteEvent(e) })
	}
}

// edits draws changes of the filter file.
func (d *planner) edits() {
	if !d.themes.edits {
		return
	}
	for at := d.within(5 * time.Second); at < d.plan.heals; at += time.Duration(2+d.rng.IntN(90)) * time.Second {
		what := "a comment is added to the filter file"
		switch kind := d.rng.IntN(4); {
		case kind == 0 && d.themes.lists:
			d.shape.refilter(d.rng)
			what = "the filter list is changed"
		case kind == 1:
			d.shape.relimit(d.rng)
			what = "the limits are changed"
		default:
			d.shape.comments++
		}
		if len(d.plan.configs[0].parsed.Destinations) > 0 && d.shape.own.IntN(3) == 0 {
			d.shape.rearrange()
			what += ", and the destinations are"
		}
		c := d.shape.planned()
		d.plan.configs = append(d.plan.configs, c)
		d.add(at, what+"\n"+c.text, func(s *simulation) { s.edit(c) })
	}
}

// gateways draws when gateways start, stop and are killed.
func (d *planner) gateways() {
	first := time.Duration(d.rng.IntN(3000)) * time.Millisecond
	for i, replica := range d.plan.replicas {
		at := first + time.Duration(i)*time.Duration(d.rng.IntN(20000))*time.Millisecond
		d.add(at, "start gateway "+replica, func(s *simulation) { s.start(replica) })
		if d.themes.birth {
			dies := at + time.Duration(3500+d.rng.IntN(8000))*time.Millisecond
			f := plannedFault{at: 0, until: dies + time.Second}
			f.fault.kind, f.fault.share = pick(d.rng, quota, denied422, noNamespace), 1
			d.plan.faults = append(d.plan.faults, f)
			d.add(dies, "kill -9 gateway "+replica, func(s *simulation) { s.kill(replica) })
			d.add(dies+time.Second, "start gateway "+replica, func(s *simulation) { s.start(replica) })
			at = dies
		}
		if !d.themes.stops && !d.themes.kills {
			continue
		}
		for range 1 + d.rng.IntN(3) {
			at += 10*time.Second + time.Duration(d.rng.Int64N(int64(d.plan.heals/2)))
			if early := d.rng.IntN(4) == 0; early {
				at = first + time.Duration(500+d.rng.IntN(8000))*time.Millisecond
			}
			again := at + time.Duration(d.rng.IntN(2)*d.rng.IntN(60000))*time.Millisecond
			if again >= d.plan.heals {
				break
			}
			if kill := d.themes.kills && (!d.themes.stops || d.rng.IntN(2) == 0); kill {
				d.add(at, "kill -9 gateway "+replica, func(s *simulation) { s.kill(replica) })
			} else {
				d.add(at, "stop gateway "+replica, func(s *simulation) { s.stop(replica) })
			}
			d.add(again+time.Second, "start gateway "+replica, func(s *simulation) { s.start(replica) })
			at = again
		}
	}
}

// clusterFaults draws faults of the cluster and the network.
func (d *planner) clusterFaults() {
	p := d.plan
	if d.themes.faults {
		for range 1 + d.rng.IntN(4) {
			d.fault()
		}
	}
	if d.themes.compactions {
		for range 1 + d.rng.IntN(4) {
			d.add(d.within(0), "etcd is compacted", func(s *simulation) { s.compact() })
			d.add(d.within(0), "watches end", func(s *simulation) { s.endWatches() })
		}
	}
	if d.themes.positions {
		for range 1 + d.rng.IntN(3) {
			how := pick(d.rng, "deleted", "emptied", "relabeled", "annotated")
			d.add(d.within(5*time.Second), "the position ConfigMap is "+how, func(s *simulation) { s.tamper(how) })
		}
	}
	if d.themes.restore && p.heals > 60*time.Second {
		back := d.within(30 * time.Second)
		again := back + time.Duration(1+d.rng.IntN(60))*time.Second
		// A gateway that is killed before it has noticed a restore cannot know what
		// it missed, so nothing else happens around a restore.
		p.actions = slices.DeleteFunc(p.actions, func(a action) bool {
			return a.at > back-20*time.Second && a.at < again+3*time.Minute && (isLife(a.what) || a.what == "etcd is compacted")
		})
		d.add(back, "etcd is backed up", func(s *simulation) { s.backup() })
		d.add(again, "etcd is restored from the backup", func(s *simulation) { s.restore() })
		for range 5 {
			d.event(again+time.Duration(1+d.rng.IntN(100))*time.Second, p.namespaces[d.rng.IntN(len(p.namespaces))])
		}
		p.heals = max(p.heals, again+100*time.Second)
	}
}

// losePositionsBeforeStops deletes the stored position shortly before some of the
// orderly stops, so that only the last save of the stopping gateway can store it. It
// has its own source of random numbers, so that the rest of the plan stays the same.
func (d *planner) losePositionsBeforeStops() {
	if !d.themes.positions {
		return
	}
	own := rand.New(rand.NewPCG(d.plan.seed, 0xbb67ae8584caa73b))
	for _, a := range d.plan.actions {
		if strings.HasPrefix(a.what, "stop gateway") && own.IntN(2) == 0 {
			how := pick(own, "deleted", "emptied")
			before := time.Duration(1+own.IntN(5000)) * time.Millisecond
			d.add(max(a.at-before, 0), "the position ConfigMap is "+how, func(s *simulation) { s.tamper(how) })
		}
	}
}

// receivers draws the faults of receivers.
func (d *planner) receivers() {
	own := d.shape.own
	if own.IntN(4) == 0 {
		return
	}
	for _, name := range destinationNames {
		for range own.IntN(3) {
			f := plannedFault{at: time.Duration(own.Int64N(int64(d.plan.heals)))}
			f.until = f.at + time.Duration(3+own.IntN(90))*time.Second
			f.fault.kind = pick(own, refused, silent, lost, lost, internal, unavailable, throttled, slow, taken500, late, cut)
			f.fault.share = pick(own, 1, 1, 0.3)
			f.fault.resources = []string{name}
			d.plan.receiverFaults = append(d.plan.receiverFaults, f)
			if len(d.plan.configs[0].parsed.Destinations) > 0 {
				d.plan.heals = max(d.plan.heals, f.until)
			}
		}
	}
}

// isLife reports whether an action starts or ends a gateway.
func isLife(what string) bool {
	for _, prefix := range []string{"start gateway", "stop gateway", "kill -9"} {
		if len(what) >= len(prefix) && what[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// fault draws one fault.
func (d *planner) fault() {
	f := plannedFault{at: d.within(0)}
	f.until = f.at + time.Duration(3+d.rng.IntN(60))*time.Second
	f.fault.kind = pick(d.rng, refused, silent, lost, internal, unavailable, timedOut, throttled, unauthorized, slow, frozen, frozen,
		quota, denied400, denied403, denied422, noNamespace)
	f.fault.share = pick(d.rng, 1, 1, 1, 0.3)
	if !f.fault.kind.ofBuilds() {
		f.fault.resources = pick(d.rng, nil, nil, []string{secrets}, []string{events}, []string{configMaps}, []string{leases}, []string{pods}, []string{secrets, configMaps})
		if len(d.plan.replicas) > 1 {
			f.fault.process = pick(d.rng, "", "one", "two")
		}
	}
	if f.fault.kind == lost && d.rng.IntN(2) == 0 {
		f.fault.resources, f.fault.share = nil, 0.3
	}
	d.plan.faults = append(d.plan.faults, f)
	d.plan.heals = max(d.plan.heals, f.until)
}

// plannedEvent is an Event of the plan.
type plannedEvent struct {
	namespace, name, kind, reason, object, message string
}
