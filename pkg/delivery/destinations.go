package delivery

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// Destination is a Sink with its name.
type Destination struct {
	// Name is its name in builds, metrics and log. Brigade's is Brigade, although the
	// Destination of its builds is empty.
	Name string
	Sink Sink
}

// Brigade is the name, in metrics and log, of the destination of builds without one.
const Brigade = "brigade"

// Destinations has a Queue for each destination, so that one that is down does not
// delay the others. Each has its own pace and burst, and an equal share of
// limits.queued, which limits how many wait in all of them. Only Brigade's builds count
// as active.
type Destinations struct {
	options Options

	mu     sync.Mutex
	limits limit.Limits
	// current has the destinations of the file. queues also has those that still have
	// builds.
	current []string
	queues  map[string]*Queue
	// retired are those that the file before no longer had, and are kept for what
	// it has just decided.
	retired map[string]bool
	// emptied is whether new Queues start with an empty bucket.
	emptied bool
	// run starts a Queue, while Run runs.
	run func(*Queue)
}

// NewDestinations returns Destinations that accept builds at once and write them while
// Run runs. Destination and Sink of the options are not used.
func NewDestinations(o Options, all []Destination) *Destinations {
	d := &Destinations{options: o, limits: o.Limits, queues: map[string]*Queue{}}
	d.Use(all, o.Limits)
	return d
}

// Use applies other destinations. Builds that wait for a changed destination are
// written to the changed one, and those for a removed destination to the removed one.
// The limits of the same file apply at once, so that none is applied to the shares of
// another.
func (d *Destinations) Use(all []Destination, l limit.Limits) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits = l
	d.current = nil
	for _, destination := range all {
		d.current = append(d.current, destination.Name)
	}
	for _, destination := range all {
		if q := d.queues[destination.Name]; q != nil {
			q.Replace(destination.Sink)
		} else {
			d.addLocked(destination)
		}
	}
	d.retireLocked()
	d.limitLocked()
}

// Limit applies other limits. Waiting builds keep their place.
func (d *Destinations) Limit(l limit.Limits) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits = l
	d.limitLocked()
}

func (d *Destinations) limitLocked() {
	for name, q := range d.queues {
		q.Limit(d.limitsLocked(name))
	}
}

// retireLocked ends empty Queues that are neither in this file nor in the one before.
func (d *Destinations) retireLocked() {
	retired := map[string]bool{}
	for name, q := range d.queues {
		depth, _ := q.Waiting()
		switch {
		case slices.Contains(d.current, name), name == Brigade: // its worker pods may be being counted
		case depth > 0 || !d.retired[name]:
			retired[name] = true
		default:
			q.end()
			d.options.Metrics.forget(name)
			delete(d.queues, name)
		}
	}
	d.retired = retired
}

func (d *Destinations) addLocked(destination Destination) {
	o := d.options
	o.Destination, o.Sink, o.Limits = destination.Name, destination.Sink, d.limitsLocked(destination.Name)
	o.Messages = destination.Name != Brigade
	o.emptied = func() { d.emptiedQueue(destination.Name) }
	q := NewQueue(o)
	if d.emptied {
		q.EmptyBucket()
	}
	d.queues[destination.Name] = q
	if d.run != nil {
		d.run(q)
	}
}

// emptiedQueue gives the others the share of a Queue that has no builds any more, unless
// the file has its destination.
func (d *Destinations) emptiedQueue(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.current, name) {
		d.limitLocked()
	}
}

// limitsLocked returns the limits of one destination.
func (d *Destinations) limitsLocked(name string) limit.Limits {
	l := d.limits
	l.Queued = max(l.Queued/d.sharesLocked(), 1)
	if name != Brigade {
		l.ActiveBuilds = 0
	}
	return l
}

// sharesLocked returns how many destinations share limits.queued: those of the file,
// and others that still have builds.
func (d *Destinations) sharesLocked() int {
	shares := len(d.current)
	for name, q := range d.queues {
		if depth, _ := q.Waiting(); depth > 0 && !slices.Contains(d.current, name) {
			shares++
		}
	}
	return max(shares, 1)
}

// Add queues b for its destination, as Queue.Add does.
func (d *Destinations) Add(b Build, tracker Tracker) {
	name := cmp.Or(b.Destination, Brigade)
	d.mu.Lock()
	q := d.queues[name]
	d.mu.Unlock()
	if q == nil {
		d.options.Log.Error("destination has no queue, its Event waits for a restart", "destination", name, "event", event.Key(b.Event))
		return
	}
	q.Add(b, tracker)
}

// Run writes builds until ctx ends, as Queue.Run does.
func (d *Destinations) Run(ctx context.Context) {
	var running sync.WaitGroup
	d.mu.Lock()
	d.run = func(q *Queue) {
		own, end := context.WithCancel(ctx)
		q.ending(end)
		running.Go(func() {
			defer end()
			q.Run(own)
		})
	}
	for _, q := range d.queues {
		d.run(q)
	}
	d.mu.Unlock()
	<-ctx.Done()
	d.mu.Lock()
	d.run = nil
	d.mu.Unlock()
	running.Wait()
}

// Close removes the Queues from the metrics. It is called after Run has returned.
func (d *Destinations) Close() {
	for _, q := range d.all() {
		q.Close()
	}
}

// EmptyBucket empties all buckets, as Queue.EmptyBucket does.
func (d *Destinations) EmptyBucket() {
	d.mu.Lock()
	d.emptied = true
	d.mu.Unlock()
	for _, q := range d.all() {
		q.EmptyBucket()
	}
}

// Forget forgets recently written builds, as Queue.Forget does.
func (d *Destinations) Forget() {
	for _, q := range d.all() {
		q.Forget()
	}
}

// Waiting returns how many builds have no outcome yet and for how long the
// oldest of them has waited.
func (d *Destinations) Waiting() (depth int, oldest time.Duration) {
	for _, q := range d.all() {
		n, age := q.Waiting()
		depth, oldest = depth+n, max(oldest, age)
	}
	return depth, oldest
}

// Workers returns Brigade's Queue, whose builds have worker pods, or nil if no file has
// used Brigade.
func (d *Destinations) Workers() *Queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queues[Brigade]
}

// all returns the Queues by name, Brigade's first.
func (d *Destinations) all() []*Queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*Queue, 0, len(d.queues))
	for _, q := range d.queues {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b *Queue) int {
		if a.messages != b.messages {
			if b.messages {
				return -1
			}
			return 1
		}
		return strings.Compare(a.destination, b.destination)
	})
	return all
}
