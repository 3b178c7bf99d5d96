package simulation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// ServerOptions are the options of a model API server.
type ServerOptions struct {
	// NoWatchList makes the server refuse streamed lists, as servers before
	// Kubernetes 1.34 may.
	NoWatchList bool
	// EventTTL is how long an Event is kept after its last write.
	EventTTL time.Duration
	// BuildNamespace is the namespace in which Brigade reads build Secrets.
	BuildNamespace string
	// Seed is the seed of random decisions.
	Seed uint64
}

// Server is a model of a Kubernetes API server with etcd: the part that the gateway,
// client-go's informers and its leader election use. Clients reach it through the
// RoundTripper of a process.
type Server struct {
	options ServerOptions
	trace   *trace
	record  *record
	brigade *controller

	// processes guards which processes run.
	processes sync.Mutex

	mu      sync.Mutex
	history *history
	// epoch counts how often the history was restored.
	epoch int
	// changed is closed and replaced with each write.
	changed  chan struct{}
	streams  map[*stream]struct{}
	listings map[int]*listing
	lists    int
	uids     int
	faults   []*fault
	// receiverFaults are those of receivers, which are their resources.
	receiverFaults []*fault
	// asked counts equal requests, so that random decisions do not depend on the order
	// of others.
	asked map[string]uint64
}

// NewServer returns an empty model API server.
func NewServer(o ServerOptions, t *trace) *Server {
	s := &Server{
		options: o, trace: t, record: newRecord(), history: newHistory(),
		changed: make(chan struct{}), streams: map[*stream]struct{}{}, listings: map[int]*listing{}, asked: map[string]uint64{},
	}
	s.brigade = &controller{server: s, namespace: o.BuildNamespace}
	return s
}

// wake wakes the streams.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// RoundTrip answers one request of the process.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	s, began := p.server, time.Now()
	q, err := understand(r)
	if err != nil {
		return nil, err
	}
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	began = s.record.asked(r.Context(), p, q, body, began)
	n := s.chance(p, q)
	s.mu.Unlock()
	if err := pause(r.Context(), time.Duration(n%2000)*time.Microsecond); err != nil {
		return nil, err
	}
	if p.gone(time.Now()) {
		return nil, hang(r.Context())
	}
	s.mu.Lock()
	f := s.faulty(p, q, n, time.Now())
	s.mu.Unlock()
	response, err := f.before(r, q)
	if response == nil && err == nil {
		response, err = s.handle(p, r, q, body, began)
		if err == nil {
			response, err = f.after(response)
		}
	}
	s.note(p, q, body, response, err)
	return response, err
}

// handle executes a request.
func (s *Server) handle(p *process, r *http.Request, q *request, body []byte, began time.Time) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.verb == "watch" {
		return s.watch(r.Context(), p, r, q)
	}
	var o runtime.Object
	var err error
	switch q.verb {
	case "list":
		o, err = s.list(p, q)
	case "get":
		o, err = s.get(q)
	case "patch":
		o, err = s.patch(p, q, body)
	case "create", "update":
		var sent runtime.Object
		if sent, _, err = scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil); err != nil {
			err = apierrors.NewBadRequest(err.Error())
		} else if q.verb == "create" {
			o, err = s.create(p, q, sent, began)
		} else {
			o, err = s.update(p, q, sent)
		}
	default:
		err = apierrors.NewMethodNotSupported(q.groupResource(), q.verb)
	}
	return answer(r, q, o, err)
}

// note adds writes, and what failed, to the trace.
func (s *Server) note(p *process, q *request, body []byte, response *http.Response, err error) {
	var result string
	switch {
	case err != nil:
		result = err.Error()
	case response.StatusCode >= http.StatusBadRequest, q.verb == "list", q.verb == "watch",
		q.resource == secrets, q.resource == configMaps && q.verb != "get":
		result = response.Status
	default:
		return
	}
	s.trace.addf(p.name, "%s%s: %s", q, subject(q, body), result)
}

// subject names the object of a create.
func subject(q *request, body []byte) string {
	if q.verb != "create" {
		return ""
	}
	o, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return ""
	}
	switch o := o.(type) {
	case *corev1.Secret:
		return "/" + o.Name
	case *corev1.Event:
		return " " + o.Reason
	default:
		return ""
	}
}

func read(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer func() { _ = r.Body.Close() }()
	return io.ReadAll(r.Body)
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// longestHang is when a client notices a dead connection: HTTP/2 pings a silent
// connection after 30 seconds and closes it after 15 more.
const longestHang = 45 * time.Second

var errConnectionLost = errors.New("http2: client connection lost")

// hang waits and does not answer.
func hang(ctx context.Context) error {
	if err := pause(ctx, longestHang); err != nil {
		return err
	}
	return errConnectionLost
}

func contains(data []byte, text string) bool {
	return bytes.Contains(data, []byte(text))
}
