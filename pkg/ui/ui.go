// Package ui is the page that shows Events as they arrive, the verdict on each, and
// what an edited filter list would do with them.
//
// It is not part of the flow of Events. The reader of Events calls Seen for each,
// which adds it to a bounded store and returns. Browsers read from the store at
// their own pace, and nothing waits for them. Verdicts on an edited list
// come from the same code as the daemon's: pkg/config reads the list,
// pkg/explain decides and names builds. The page changes nothing in the
// cluster.
package ui

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/explain"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

const (
	// DefaultMaxEvents is how many Events are kept.
	DefaultMaxEvents = 5000
	// DefaultMaxBytes is how much memory they take. With what the store needs
	// for itself, and what the runtime adds before it collects garbage, the page
	// stays below 16 MiB.
	DefaultMaxBytes = 6 << 20

	// maxStreams is how many browsers may follow at the same time.
	maxStreams = 16
	// maxConnections is how many connections there are at the same time.
	maxConnections = 256
	// maxListBytes is how much memory the lists take that are received or wait for
	// their evaluation.
	maxListBytes = 4 * config.MaxSize
	// maxEvaluationTime bounds one evaluation, and maxWait the time until it begins.
	maxEvaluationTime = 5 * time.Second
	maxWait           = 2 * maxEvaluationTime
	// requestsPerSecond and requestBurst bound what all browsers together may
	// ask for, streams and files of the page aside.
	requestsPerSecond = 40
	requestBurst      = 80

	// headerTimeout, bodyTimeout, writeTimeout and idleTimeout bound how long a
	// client may take; stopTimeout bounds how long answers in progress may take
	// at the end.
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 10 * time.Second
	writeTimeout   = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	stopTimeout    = 2 * time.Second
	maxHeaderBytes = 16 << 10
)

// Options are what a UI shows.
type Options struct {
	// Where names what is watched, for the header of the page: a cluster and its
	// namespaces, or the names of files.
	Where string
	// Version is the version of the program.
	Version string
	// AllowBrigadeEvents turns the loop guard off, as the daemon's flag does.
	AllowBrigadeEvents bool
	// MaxEvents and MaxBytes bound the store; 0 for the defaults.
	MaxEvents, MaxBytes int
	// Status returns what the daemon is doing; nil if there is no daemon.
	// It must not block.
	Status func() Status
	// Address is what the page listens on. A host name in it is allowed in the
	// Host header, beside addresses and localhost.
	Address string
	Log     *slog.Logger
	// Now is the clock, time.Now if nil.
	Now func() time.Time
}

// UI is the page and what it shows. Seen, SetList and SetSource may be called
// from any number of goroutines.
type UI struct {
	options Options
	store   *store
	log     *slog.Logger
	now     func() time.Time
	// process distinguishes the Events of this process from those of an earlier one,
	// which had the same numbers.
	process string

	// writeTimeout, evaluationTime and stopTimeout are the constants of these
	// names; tests set others.
	writeTimeout, evaluationTime, stopTimeout time.Duration

	evaluations *semaphore.Weighted // one at a time
	lists       *semaphore.Weighted // their bytes
	requests    *rate.Limiter
	streams     *semaphore.Weighted
	following   atomic.Int64 // the streams that are open
	// stopping ends the streams, which would keep the server from stopping.
	stopping chan struct{}
	stopOnce sync.Once

	mu        sync.Mutex
	list      List
	source    Source
	version   uint64 // of list and source
	evaluated shared // the last evaluation

	batchMu sync.Mutex
	newest  batch // the last batch of rows
}

// List is the current filter list, with which an edited one is compared.
type List struct {
	// Name is the name of its file; empty if there is none.
	Name string
	// Text is the file.
	Text string
	// Config is the parsed text; nil if it has faults or there is none, which
	// decides like a list without filters.
	Config *config.Config
}

// SourceState is a state of reading Events.
type SourceState string

const (
	// Connecting is before the first answer.
	Connecting SourceState = "connecting"
	// Following is a source that sends new Events.
	Following SourceState = "following"
	// Ended is a source that was read to its end.
	Ended SourceState = "ended"
	// Failed is a source that cannot be read; Source.Err says why.
	Failed SourceState = "failed"
)

// Source is the state of reading Events.
type Source struct {
	State SourceState
	// Err is why State is Failed.
	Err error
}

// New returns a UI without Events.
func New(o Options) *UI {
	if o.MaxEvents == 0 {
		o.MaxEvents = DefaultMaxEvents
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &UI{
		options:      o,
		store:        newStore(o.MaxEvents, o.MaxBytes),
		log:          o.Log,
		now:          o.Now,
		process:      rand.Text(),
		writeTimeout: writeTimeout, evaluationTime: maxEvaluationTime, stopTimeout: stopTimeout,
		evaluations: semaphore.NewWeighted(1),
		lists:       semaphore.NewWeighted(maxListBytes),
		requests:    rate.NewLimiter(requestsPerSecond, requestBurst),
		streams:     semaphore.NewWeighted(maxStreams),
		stopping:    make(chan struct{}),
		source:      Source{State: Connecting},
	}
}

// Seen adds an Event and its verdict. It keeps e, which must not be changed
// afterwards. It does not block.
func (u *UI) Seen(e *corev1.Event, v filter.Verdict) {
	u.store.add(e, v, u.now())
}

// SetList sets the list that decides from now on.
func (u *UI) SetList(l List) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = l
	u.version++
}

// SetSource sets the state of reading Events.
func (u *UI) SetSource(s Source) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.source = s
	u.version++
}

// state returns the list, the source, and a number that changes with either.
func (u *UI) state() (List, Source, uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.list, u.source, u.version
}

// Decide returns the verdict of the list on e, for sources without verdicts.
func (u *UI) Decide(e *corev1.Event) filter.Verdict {
	list, _, _ := u.state()
	return u.explainer(list.Config).Decider.Decide(e)
}

// explainer returns the explainer of a list; nil rejects everything.
func (u *UI) explainer(c *config.Config) explain.Explainer {
	var x explain.Explainer
	x.Decider.AllowBrigadeEvents = u.options.AllowBrigadeEvents
	if c != nil {
		x.Decider.Filters = c.Filters
	}
	return x
}

// Listen listens on an address such as "127.0.0.1:0", and reports whether only
// this machine reaches it.
func Listen(ctx context.Context, address string) (l net.Listener, loopback bool, err error) {
	var lc net.ListenConfig
	l, err = lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, false, fmt.Errorf("listening for the page: %w", err)
	}
	tcp, ok := l.Addr().(*net.TCPAddr)
	return l, ok && tcp.IP.IsLoopback(), nil
}

// Run serves the page on l until ctx ends, and closes l.
func (u *UI) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           u.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(u.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		u.stopOnce.Do(func() { close(u.stopping) })
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), u.stopTimeout)
		defer cancel()
		if server.Shutdown(closing) != nil {
			_ = server.Close() // do not wait for a browser that does not read
		}
	})
	err := server.Serve(netutil.LimitListener(l, maxConnections))
	if stop() {
		return fmt.Errorf("serving the page: %w", err)
	}
	<-stopped
	return nil
}
