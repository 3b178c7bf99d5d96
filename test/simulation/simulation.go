// Package simulation runs the real gateway against a model API server, in fake time and
// on a random schedule of a seed, and then checks every promise, as FoundationDB and
// TigerBeetle do.
//
// The gateway is the whole of pkg/gateway with client-go: informers, leader election,
// queue and position. Only the network is missing: the clients' http.RoundTripper is
// the model. Everything runs in one testing/synctest bubble. A run of many minutes takes
// a few hundredths of a second, and a goroutine that does not end is an error.
//
// Every run of a seed has the same plan (plan.go), with the time of every Event, fault,
// edit, stop and kill, and the same random decision of the model about the n-th request
// of a kind. Which goroutine runs first at one fake time may differ, because the Go
// runtime chooses the case of a select and the order of a map.
// TestSimulation runs one seed at a time in a process with one P and without
// asynchronous preemption, so a failing seed nearly always fails again.
package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
)

// simulation is one run.
type simulation struct {
	plan   *plan
	trace  *trace
	server *Server
	began  time.Time
	// replicas has the processes of each replica, of which the last is the current one.
	replicas map[string][]*process
	// config is the current filter file.
	config *plannedConfig
	used   []*plannedConfig
	saved  *history
	// tampered is when something else changed the position's ConfigMap.
	tampered []time.Time
	faults   []string
	// atEnd are the versions whose build or message must exist at the end, by
	// destination, and droppedAtEnd is how many were dropped.
	atEnd        map[string][]*eventVersion
	droppedAtEnd map[string]int
}

// grace is how long a stopping gateway may write.
const grace = 5 * time.Second

// run executes a plan and returns what is wrong. It must be called in a bubble. It
// writes to t, also if run does not return.
func run(p *plan, t *trace) []string {
	t.begin(time.Now())
	s := &simulation{plan: p, trace: t, server: NewServer(p.server, t), began: time.Now(), replicas: map[string][]*process{}}
	s.server.brigade.longest = p.longest
	s.server.record.positionName = positionName
	s.introduce()
	s.act()
	s.heal()
	s.judge()
	s.stopAll()
	return append(s.faults, s.check()...)
}

// introduce writes the plan to the trace.
func (s *simulation) introduce() {
	p := s.plan
	s.trace.addf("plan", "seed %d: scopes %v, replicas %v, election %t, replay %t, push-down %t, watch-list %t, workers %d, event TTL %s, builds last up to %s",
		p.seed, p.scopes, p.replicas, p.election, p.replay, p.pushDown, !p.server.NoWatchList, p.workers, p.server.EventTTL, p.longest)
	s.config = p.configs[0]
	s.config.from, s.config.used = s.began, s.began
	s.used = []*plannedConfig{s.config}
	s.trace.addf("plan", "%s", s.config.text)
	for _, f := range p.faults {
		f.fault.from, f.fault.until = s.began.Add(f.at), s.began.Add(f.until)
		s.server.faults = append(s.server.faults, &f.fault)
		s.trace.addf("plan", "%s to %s: %s", clock(f.at), clock(f.until), &f.fault)
	}
	for _, f := range p.receiverFaults {
		f.fault.from, f.fault.until = s.began.Add(f.at), s.began.Add(f.until)
		s.server.receiverFaults = append(s.server.receiverFaults, &f.fault)
		s.trace.addf("plan", "%s to %s: %s", clock(f.at), clock(f.until), &f.fault)
	}
}

// act executes the actions of the plan.
func (s *simulation) act() {
	for _, a := range s.plan.actions {
		s.until(a.at)
		s.trace.addf("plan", "%s", a.what)
		a.do(s)
	}
}

// until waits for a moment of the run.
func (s *simulation) until(at time.Duration) {
	time.Sleep(time.Until(s.began.Add(at))) // fake clock
}

// heal waits until every replica runs and every build that must exist does.
func (s *simulation) heal() {
	s.until(s.plan.heals + 20*time.Second)
	for _, replica := range s.plan.replicas {
		if last := s.last(replica); last != nil && last.dry {
			s.stop(replica)
		}
		if !s.runs(replica) {
			s.start(replica)
		}
	}
	s.trace.addf("plan", "nothing goes wrong any more")
	patience := time.Now().Add(s.patience())
	for time.Now().Before(patience) {
		time.Sleep(20 * time.Second) // fake clock
		if s.accounted(s.missing(), s.dropped()) && !s.waits() {
			break
		}
	}
	time.Sleep(45 * time.Second) // fake clock
}

// waits reports whether builds wait in a gateway.
func (s *simulation) waits() bool {
	return slices.ContainsFunc(s.plan.replicas, func(replica string) bool {
		return s.runs(replica) && s.last(replica).gateway.Status().Queue.Waiting > 0
	})
}

// judge records what is missing while the gateway still runs.
func (s *simulation) judge() {
	s.atEnd, s.droppedAtEnd = s.missing(), s.dropped()
	s.locked(func() {
		if live, ok := s.server.history.live[key{configMaps, gatewayNamespace, positionName}].(*corev1.ConfigMap); !ok || len(scopesOf(live.Data)) == 0 {
			s.failf("the position is not stored, long after everything healed")
		}
	})
}

// patience returns how long the remaining builds may take.
func (s *simulation) patience() time.Duration {
	limits, left := s.config.parsed.Limits, 0.0
	for _, missing := range s.missing() {
		left += float64(len(missing))
	}
	minutes := 5 + left/float64(limits.BuildsPerMinute)
	if limits.ActiveBuilds > 0 {
		minutes += left * (s.plan.longest + appearWithin + time.Second).Minutes() / float64(limits.ActiveBuilds)
	}
	return time.Duration(minutes * float64(time.Minute))
}

// stopAll stops every process with SIGTERM.
func (s *simulation) stopAll() {
	for _, replica := range s.plan.replicas {
		s.stop(replica)
	}
	for _, replica := range s.plan.replicas {
		s.await(s.last(replica))
	}
}

// last returns the current process of a replica, or nil.
func (s *simulation) last(replica string) *process {
	all := s.replicas[replica]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// runs reports whether a replica has a process that was not stopped or killed.
func (s *simulation) runs(replica string) bool {
	p := s.last(replica)
	return p != nil && !p.stopping && !p.gone(time.Now())
}

// start starts a process of the replica, when the one before it has ended.
func (s *simulation) start(replica string) {
	if s.runs(replica) {
		return
	}
	if last := s.last(replica); last != nil && !last.gone(time.Now()) {
		s.await(last)
	}
	n := len(s.replicas[replica]) + 1
	p := &process{server: s.server, name: replica, number: n, identity: fmt.Sprintf("%s-%d", replica, n), dry: s.plan.dryRun && n == 1, applying: make(chan struct{}, 1), dropped: map[string]int{}}
	s.replicas[replica] = append(s.replicas[replica], p)
	o, err := p.options(s.plan.json)
	if err != nil {
		s.failf("%v", err)
		return
	}
	o.Scopes, o.BuildNamespace, o.Workers, o.LogEvents = s.plan.scopes, gatewayNamespace, s.plan.workers, gateway.LogNone
	o.Position = gateway.Object{Namespace: gatewayNamespace, Name: positionName}
	o.ReplayExisting, o.PushDown, o.Grace = s.plan.replay, s.plan.pushDown, grace
	o.DryRun = p.dry
	o.Pod = gateway.Object{Namespace: gatewayNamespace, Name: p.identity}
	if s.plan.election && !p.dry { // a dry run takes no part in elections
		o.Lease = gateway.Object{Namespace: gatewayNamespace, Name: leaseName}
	} else {
		s.server.mu.Lock()
		s.server.record.lead(p, time.Now())
		s.server.mu.Unlock()
	}
	o.Config = s.config.parsed
	p.start(context.Background(), o)
}

// stop stops a process with SIGTERM. When it has ended, its position must be stored.
func (s *simulation) stop(replica string) {
	p := s.last(replica)
	if !s.runs(replica) {
		return
	}
	p.stopping = true
	began := time.Now()
	var leads bool
	s.locked(func() {
		leading := s.server.record.leading()
		leads = leading != nil && leading.process == p && leading.wrote && !p.dry &&
			(!s.plan.election || began.Sub(leading.renewed) < sureToLead)
	})
	p.cancel()
	go func() {
		<-p.ended
		s.locked(func() {
			live, ok := s.server.history.live[key{configMaps, gatewayNamespace, positionName}].(*corev1.ConfigMap)
			if leads && !p.gone(time.Now()) && s.storable(p, began) && (!ok || len(scopesOf(live.Data)) == 0) {
				s.failf("gateway %s was stopped and left no position", p.name)
			}
		})
	}()
}

// storable reports whether the process could store its position since the given
// moment.
func (s *simulation) storable(p *process, since time.Time) bool {
	for _, f := range s.server.faults {
		if f.until.After(since) && f.from.Before(time.Now()) && (f.process == "" || f.process == p.name) &&
			(len(f.resources) == 0 || slices.Contains(f.resources, configMaps)) && !f.kind.ofBuilds() {
			return false
		}
	}
	return !slices.ContainsFunc(s.tampered, func(at time.Time) bool { return !at.Before(since) })
}

// kill kills a process.
func (s *simulation) kill(replica string) {
	if p := s.last(replica); p != nil && !p.gone(time.Now()) {
		s.trace.addf("plan", "gateway %s is dead", p.name)
		p.kill()
	}
}

// stopWithin is how long an orderly stop may take: the grace period, the last save of
// the position, and releasing the Lease, each with its deadline.
const stopWithin = 90 * time.Second

// await waits for a process to end.
func (s *simulation) await(p *process) {
	if p == nil {
		return
	}
	select {
	case <-p.ended:
		if p.err != nil {
			s.failf("gateway %s ended with an error: %v", p.name, p.err)
		}
	case <-time.After(stopWithin):
		s.failf("gateway %s did not stop within %s", p.name, stopWithin)
	}
}

// edit changes the filter file, which every process applies.
func (s *simulation) edit(c *plannedConfig) {
	s.config, c.from = c, time.Now()
	s.used = append(s.used, c)
	var applying sync.WaitGroup
	var replaced atomic.Bool
	for _, replica := range s.plan.replicas {
		if p := s.last(replica); s.runs(replica) {
			applying.Go(func() {
				if !s.apply(p, c) {
					replaced.Store(true)
				}
			})
		}
	}
	go func() {
		applying.Wait()
		if !replaced.Load() {
			c.used = time.Now()
		}
	}()
}

// apply has a process apply a filter file as config.Follower does: never two at once, and
// again after a failure. It reports false if the file was replaced before it was applied.
func (s *simulation) apply(p *process, c *plannedConfig) bool {
	for !p.stopping && !p.gone(time.Now()) {
		p.applying <- struct{}{}
		replaced, err := s.config != c, error(nil)
		if !replaced {
			err = p.gateway.Apply(context.Background(), c.parsed)
		}
		<-p.applying
		if replaced || err == nil {
			return !replaced
		}
		time.Sleep(10 * time.Second) // fake clock
	}
	return true // it uses no file any more
}

// failf records that something is wrong.
func (s *simulation) failf(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
	s.trace.addf("FAULT", format, args...)
}

// createEvent, countEvent and deleteEvent write Events as their reporters do.
func (s *simulation) createEvent(e plannedEvent) {
	s.locked(func() {
		now := second(time.Now())
		namespace := e.namespace
		if e.kind == "Node" {
			namespace = ""
		}
		kind := corev1.EventTypeWarning
		if e.reason == "Pulled" {
			kind = corev1.EventTypeNormal
		}
		s.server.store(nil, key{events, e.namespace, e.name}, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: e.namespace, Name: e.name, UID: s.server.uid(), CreationTimestamp: now},
			InvolvedObject: corev1.ObjectReference{Kind: e.kind, Namespace: namespace, Name: e.object, APIVersion: "v1"},
			Reason:         e.reason, Message: e.message, Type: kind, Source: corev1.EventSource{Component: "kubelet"},
			FirstTimestamp: now, LastTimestamp: now, Count: 1,
		}, now.Time)
	})
}

func (s *simulation) countEvent(e plannedEvent, count int32) {
	s.locked(func() {
		k := key{events, e.namespace, e.name}
		live, ok := s.server.history.live[k].(*corev1.Event)
		if !ok {
			return
		}
		next := live.DeepCopy()
		next.Count, next.LastTimestamp = count, second(time.Now())
		s.server.store(nil, k, next, time.Now())
	})
}

func (s *simulation) deleteEvent(e plannedEvent) {
	s.locked(func() {
		k := key{events, e.namespace, e.name}
		if s.server.history.live[k] != nil {
			s.server.delete(k, "deleted")
		}
	})
}

// compact removes the history up to now.
func (s *simulation) compact() {
	s.locked(func() { s.server.history.compact(s.server.history.version) })
}

// endWatches ends every watch, as an API server that restarts does.
func (s *simulation) endWatches() {
	s.locked(func() {
		for st := range s.server.streams {
			st.ends = time.Now()
		}
		s.server.wake()
	})
}

// tamper changes the position's ConfigMap, as another client.
func (s *simulation) tamper(how string) {
	s.tampered = append(s.tampered, time.Now())
	s.locked(func() {
		k := key{configMaps, gatewayNamespace, positionName}
		live, ok := s.server.history.live[k].(*corev1.ConfigMap)
		if !ok {
			return
		}
		next := live.DeepCopy()
		switch how {
		case "deleted":
			s.server.delete(k, how)
			return
		case "emptied":
			next.Data = nil
		case "relabeled":
			next.Labels = map[string]string{"helm.sh/chart": fmt.Sprint(s.server.history.version)}
		case "annotated":
			next.Annotations = map[string]string{"note": fmt.Sprint(s.server.history.version)}
		}
		s.server.store(nil, k, next, time.Now())
	})
}

// backup and restore set the whole cluster back.
func (s *simulation) backup() {
	s.locked(func() { s.saved = s.server.history.backup() })
}

func (s *simulation) restore() {
	s.locked(func() {
		k := key{configMaps, gatewayNamespace, positionName}
		s.server.record.ahead.position = s.server.history.live[k] != s.saved.live[k] && s.saved.live[k] != nil
		for replica := range s.replicas { // one, in a plan with a restore
			if p := s.last(replica); !p.gone(time.Now()) {
				s.server.record.ahead.process, s.server.record.ahead.read = p, maps.Clone(s.server.record.reached[p])
			}
		}
		s.server.history = s.saved
		s.server.epoch++
		s.server.record.restore(s.saved.version, s.saved.live, time.Now())
		s.server.listings = map[int]*listing{}
		s.server.brigade.restored()
		for k, o := range s.saved.live {
			if e, ok := o.(*corev1.Event); ok {
				s.server.expire(k, e)
			}
		}
		s.server.wake()
	})
}

func (s *simulation) locked(do func()) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	do()
}

// processes returns all processes, in the order of replicas and starts.
func (s *simulation) processes() []*process {
	var all []*process
	for _, replica := range s.plan.replicas {
		all = slices.Concat(all, s.replicas[replica])
	}
	return all
}

// dropped returns how many builds and messages were dropped, by destination.
func (s *simulation) dropped() map[string]int {
	n := map[string]int{}
	for _, p := range s.processes() {
		for _, destination := range s.destinations() {
			n[destination] += p.lost(destination)
		}
	}
	return n
}

// accounted reports whether all that is missing was dropped.
func (s *simulation) accounted(missing map[string][]*eventVersion, dropped map[string]int) bool {
	for destination, versions := range missing {
		if len(versions) > dropped[destination] {
			return false
		}
	}
	return true
}

// destinations returns those of the run.
func (s *simulation) destinations() []string {
	return append([]string{brigadeName}, destinationNames...)
}
