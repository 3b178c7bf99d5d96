package simulation

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// record has what the model has seen, and a run is judged only by it. Its methods are
// called with the server's lock held.
type record struct {
	// versions are those of the current history, by resourceVersion, and all are those
	// of every history.
	versions map[int64]*eventVersion
	all      []*eventVersion
	// builds are those of the current history, by the name of their Secret, and
	// created are those of every history.
	builds  map[string]*build
	created []*build
	// received are all messages, repeats too; the first with its id is in builds
	// and created. invalid is what was sent and is no CloudEvent.
	received []*receipt
	invalid  []string
	// refused is when a receiver refused a message.
	refused map[string][]time.Time
	// attempts are the calls to create a build Secret, each once, even if client-go
	// sent it several times, and the messages that were sent.
	attempts []*attempt
	calls    map[call]*attempt
	writes   []*positionWrite
	terms    []*term
	restored time.Time
	ahead    ahead
	// reached is how far a process has read the Events of a namespace, and lists are its
	// lists, which show the current version.
	reached map[*process]map[string]int64
	lists   []listed
	// positionName is the name of the position's ConfigMap.
	positionName string
	// saw has the worker pods that a process has read, by name.
	saw map[*process]map[string]bool
}

// ahead is what may be ahead of a restored history.
type ahead struct {
	// process is the one that ran then, or nil, and read is how far it had read the Events
	// of each namespace.
	process *process
	read    map[string]int64
	// position is whether the restored ConfigMap of the position is an older one.
	position bool
}

// listed is a list of Events, or its first page, with the version that it shows.
type listed struct {
	process   *process
	namespace string
	version   int64
	at        time.Time
}

// eventVersion is one version of one Event.
type eventVersion struct {
	event   *corev1.Event
	version int64
	created time.Time
	// ended is when it was overwritten, deleted or expired, or zero while it exists.
	ended time.Time
	// erased is whether a restored history does not have the version. restored is
	// whether it is older than the restored history, so that it is unknown if its
	// build must exist.
	erased   bool
	restored bool
	// read are the terms that read it, in order of time.
	read []reading
	// cache has the verdict of each filter list.
	cache map[*plannedConfig]*asked
}

// reading is the first read of a version by a term.
type reading struct {
	term *term
	at   time.Time
}

// build is one build Secret, or one message by its receiver and id.
type build struct {
	destination string
	name        string
	flow        string
	version     string
	// sent is when the call that created it was first sent, and at is when it was
	// created or received.
	sent time.Time
	at   time.Time
	// answered is when the gateway was answered first that a message was taken.
	answered time.Time
	process  *process
	term     *term
	appeared time.Time
	ended    time.Time
	erased   bool
}

// arrived returns what arrived at a destination: builds, or messages with repeats.
func (r *record) arrived(destination string) []*build {
	var arrived []*build
	for _, b := range r.created {
		if b.destination == destination && destination == brigadeName {
			arrived = append(arrived, b)
		}
	}
	for _, m := range r.received {
		if m.build.destination == destination {
			arrived = append(arrived, m.build)
		}
	}
	return arrived
}

// call identifies one call to create a build by its deadline, which stays the same when
// client-go retries the request.
type call struct {
	process  *process
	name     string
	deadline time.Time
}

// attempt is one call to create a build Secret, or one message that was sent. Its name
// is that of its build.
type attempt struct {
	at          time.Time
	destination string
	name        string
	process     *process
}

// term is a period in which one process leads.
type term struct {
	process *process
	number  int
	began   time.Time
	// renewed is when the Lease was written last.
	renewed time.Time
	// ended is when it ended, or zero.
	ended time.Time
	wrote bool
}

// positionWrite is one write of the position.
type positionWrite struct {
	at   time.Time
	term *term
	// fresh is whether nothing was stored before.
	fresh  bool
	scopes map[string]int64
	epoch  time.Time
}

func newRecord() *record {
	return &record{
		versions: map[int64]*eventVersion{}, builds: map[string]*build{}, calls: map[call]*attempt{},
		saw: map[*process]map[string]bool{}, reached: map[*process]map[string]int64{}, refused: map[string][]time.Time{},
	}
}

// event records a new version of an Event.
func (r *record) event(e *corev1.Event, now time.Time) {
	v := &eventVersion{event: e, version: versionOf(e), created: now, cache: map[*plannedConfig]*asked{}}
	r.versions[v.version] = v
	r.all = append(r.all, v)
}

// ended records that a version does not exist any more.
func (r *record) ended(o object, now time.Time) {
	if o == nil {
		return
	}
	if v := r.versions[versionOf(o)]; v != nil {
		v.ended = now
	}
}

// deliver records that the process read versions of Events.
func (r *record) deliver(p *process, versions ...*eventVersion) {
	for _, v := range versions {
		if n := len(v.read); p.term != nil && (n == 0 || v.read[n-1].term != p.term) {
			v.read = append(v.read, reading{term: p.term, at: time.Now()})
		}
	}
}

// reach records that the process has read all Events of a namespace up to a version.
func (r *record) reach(p *process, namespace string, version int64) {
	if r.reached[p] == nil {
		r.reached[p] = map[string]int64{}
	}
	r.reached[p][namespace] = max(r.reached[p][namespace], version)
}

// list records that the process has listed Events of a namespace at a version.
func (r *record) list(p *process, namespace string, version int64) {
	r.lists = append(r.lists, listed{process: p, namespace: namespace, version: version, at: time.Now()})
}

// asked records a request, and returns when its call was first sent.
func (r *record) asked(ctx context.Context, p *process, q *request, body []byte, now time.Time) time.Time {
	if q.verb != "create" || q.resource != secrets {
		return now
	}
	c := call{process: p, name: strings.TrimPrefix(subject(q, body), "/")}
	c.deadline, _ = ctx.Deadline()
	if r.calls[c] == nil {
		r.calls[c] = &attempt{at: now, destination: brigadeName, name: c.name, process: p}
		r.attempts = append(r.attempts, r.calls[c])
	}
	return r.calls[c].at
}

// build records a new build Secret.
func (r *record) build(p *process, secret *corev1.Secret, sent time.Time) {
	var e struct {
		Metadata struct {
			UID             types.UID `json:"uid"`
			Namespace       string    `json:"namespace"`
			ResourceVersion string    `json:"resourceVersion"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(secret.Data["payload"], &e) // a build without an Event is found by its name
	b := &build{
		destination: brigadeName, name: secret.Name, flow: secret.Labels["project"] + " " + e.Metadata.Namespace, version: e.Metadata.ResourceVersion,
		sent: sent, at: time.Now(), process: p, term: p.term,
	}
	r.builds[b.name] = b
	r.created = append(r.created, b)
}

// worker records the phase of a worker pod.
func (r *record) worker(pod *corev1.Pod) {
	b := r.builds[pod.Name]
	if b == nil {
		return
	}
	if b.appeared.IsZero() {
		b.appeared = time.Now()
	}
	if pod.Status.Phase == corev1.PodSucceeded && b.ended.IsZero() {
		b.ended = time.Now()
	}
}

// see records that the process has read a worker pod.
func (r *record) see(p *process, o object) {
	if r.saw[p] == nil {
		r.saw[p] = map[string]bool{}
	}
	r.saw[p][o.GetName()] = true
}

// position records a write of a position.
func (r *record) position(p *process, old, next *corev1.ConfigMap) {
	if next.Name != r.positionName || p == nil || p.term == nil {
		return
	}
	w := &positionWrite{at: time.Now(), term: p.term, scopes: scopesOf(next.Data), epoch: r.restored}
	w.fresh = !p.term.wrote && (old == nil || len(scopesOf(old.Data)) == 0)
	p.term.wrote = true
	r.writes = append(r.writes, w)
	for namespace, version := range w.scopes {
		r.reach(p, namespace, version)
	}
}

// scopesOf reads stored positions: by namespace, "" for all.
func scopesOf(data map[string]string) map[string]int64 {
	scopes := map[string]int64{}
	for k, v := range data {
		version, err := strconv.ParseInt(v, 10, 64)
		switch namespace, one := strings.CutPrefix(k, "namespace."); {
		case err != nil:
		case one:
			scopes[namespace] = version
		case k == "all-namespaces":
			scopes[""] = version
		}
	}
	return scopes
}

// sureToLead is how long a process that wrote the Lease certainly leads: it gives up
// when it could not write it for 10 seconds.
const sureToLead = 8 * time.Second

// lease records who leads.
func (r *record) lease(p *process, l *coordinationv1.Lease) {
	now := time.Now()
	holder := ""
	if l.Spec.HolderIdentity != nil {
		holder = *l.Spec.HolderIdentity
	}
	last := r.leading()
	switch {
	case p == nil:
	case holder != p.identity:
		if last != nil && last.process == p {
			last.ended = now
		}
	case last != nil && last.process == p && now.Sub(last.renewed) < sureToLead:
		last.renewed = now
	default:
		r.lead(p, now)
	}
}

// lead begins a term of the process.
func (r *record) lead(p *process, now time.Time) {
	if last := r.leading(); last != nil {
		last.ended = now
	}
	p.term = &term{process: p, number: len(r.terms) + 1, began: now, renewed: now}
	r.terms = append(r.terms, p.term)
}

// leading returns the current term, or nil.
func (r *record) leading() *term {
	if len(r.terms) == 0 {
		return nil
	}
	if last := r.terms[len(r.terms)-1]; last.ended.IsZero() {
		return last
	}
	return nil
}

// restore records that the history went back to the given version.
func (r *record) restore(version int64, live map[key]object, now time.Time) {
	r.restored = now
	for at, v := range r.versions {
		switch o := live[keyOf(events, v.event)]; {
		case at > version:
			v.erased, v.ended = true, now
			delete(r.versions, at)
		case o != nil && versionOf(o) == at:
			v.restored, v.ended = true, time.Time{}
		default:
			v.restored = true
		}
	}
	for name, b := range r.builds {
		if b.destination == brigadeName && !hasBuild(live, name) { // receivers are not restored
			b.erased = true
			delete(r.builds, name)
		}
	}
}

func hasBuild(live map[key]object, name string) bool {
	for k := range live {
		if k.resource == secrets && k.name == name {
			return true
		}
	}
	return false
}
