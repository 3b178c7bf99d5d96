package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/client"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// receiver is the CloudEvents SDK's own receiver, behind a proxy. It records what it
// takes.
type receiver struct {
	tb testing.TB
	// name is that of its destination.
	name  string
	proxy *proxy
	// timeout is that of its destination, in the filter file's form.
	timeout string

	mu sync.Mutex
	// takes are the messages that were taken, by id, in order.
	takes map[string][]take
	// sources are those of all messages.
	sources map[string]struct{}
	// terms are the positions from which gateways started, except the first.
	terms []string
	// answers decides how a message is answered.
	answers func(id string, first bool) answer
	// seen are the ids that arrived, taken or not.
	seen map[string]struct{}
	// denies is how many requests are answered 429, and arrivals are the times of
	// requests since the first of them.
	denies   int
	arrivals []time.Time
}

// take is a message that was taken.
type take struct {
	event, version string
	// term is the number of gateways that had started before, except the first.
	term int
	// known is whether the gateway must know that it was taken.
	known bool
}

// answer is how the receiver answers a message.
type answer struct {
	// status is 0 for success.
	status int
	// untaken is whether the message is not taken, in spite of an answer.
	untaken bool
	// held is closed when the answer may be sent; nil sends it at once.
	held <-chan struct{}
}

// lostHeader marks requests whose answers the proxy loses.
const lostHeader = "X-Answer-Lost"

// retryAfter is what the receiver asks for with 429, in seconds.
const retryAfter = 1

// newReceiver starts a receiver that takes everything. It ends with the test.
func newReceiver(tb testing.TB, name string) *receiver {
	tb.Helper()
	r := &receiver{
		tb: tb, name: name, timeout: "20s", takes: map[string][]take{}, sources: map[string]struct{}{}, seen: map[string]struct{}{},
		answers: func(string, bool) answer { return answer{} },
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	sdk, err := client.NewHTTP(cehttp.WithListener(listener), cehttp.WithRateLimiter(limiter{r}), cehttp.WithRequestDataAtContextMiddleware())
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := sdk.StartReceiver(ctx, r.take); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() {
		stop()
		serving.Wait()
	})
	server := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	r.proxy = startProxy(tb, server, &http.Transport{MaxIdleConnsPerHost: 16}, nil)
	return r
}

// take takes a message, as answers decides.
func (r *receiver) take(ctx context.Context, m cloudevent.Event) protocol.Result {
	e := &corev1.Event{}
	if err := m.DataAs(e); err != nil {
		r.tb.Errorf("message %s: %v", m.ID(), err)
		return cehttp.NewResult(http.StatusBadRequest, "%w", err)
	}
	lost := cehttp.RequestDataFromContext(ctx).Header.Get(lostHeader) != ""
	r.mu.Lock()
	_, again := r.seen[m.ID()]
	a := r.answers(m.ID(), !again)
	r.seen[m.ID()] = struct{}{}
	r.sources[m.Source()] = struct{}{}
	if !a.untaken {
		r.takes[m.ID()] = append(r.takes[m.ID()], take{
			event: string(e.UID), version: e.ResourceVersion, term: len(r.terms), known: !lost && a.status == 0 && a.held == nil,
		})
	}
	r.mu.Unlock()
	if a.held != nil {
		select {
		case <-a.held:
		case <-ctx.Done(): // the test ends
		}
	}
	if a.status != 0 {
		return cehttp.NewResult(a.status, "the test says so")
	}
	return nil
}

// answer makes f decide on each message; first is whether no attempt with its id has
// arrived. f is called for one message at a time.
func (r *receiver) answer(f func(id string, first bool) answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = f
}

// limiter is the receiver's rate limiter, which the SDK asks before it reads a message.
type limiter struct{ r *receiver }

// Allow decides on one request.
func (l limiter) Allow(context.Context, *http.Request) (ok bool, reset uint64, err error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if l.r.denies > 0 || len(l.r.arrivals) > 0 {
		l.r.arrivals = append(l.r.arrivals, time.Now())
	}
	if l.r.denies == 0 {
		return true, 0, nil
	}
	l.r.denies--
	return false, retryAfter, nil
}

// Close has nothing to close.
func (l limiter) Close(context.Context) error { return nil }

// restarted records the stored position from which the next gateway starts.
func (r *receiver) restarted(position string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.terms = append(r.terms, position)
}

// compare compares the Events that are expected, by UID, with what was taken. Ids are
// computed again from the stored Events. A repeat is a duplicate unless
// docs/cloudevents.md has its cause: the answer was lost or 5xx, or another gateway
// started from a position that does not cover the Event.
func (r *receiver) compare(stored []corev1.Event, due map[string]string) (t tally, repeats int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t = tally{accepted: len(due), builds: len(r.takes)}
	ids := map[string]string{}
	for i := range stored {
		e := &stored[i]
		if name, expected := due[string(e.UID)]; expected {
			id := identity.Of(identity.TargetOf(r.name, ""), e, filter.OncePer{})
			ids[id] = string(e.UID)
			if len(r.takes[id]) == 0 {
				t.missing = append(t.missing, name)
			}
		}
	}
	if len(ids) != len(due) {
		r.tb.Errorf("%d ids for %d events", len(ids), len(due))
	}
	for id, takes := range r.takes {
		if _, expected := ids[id]; !expected {
			t.unasked = append(t.unasked, id+" for event "+takes[0].event)
			continue
		}
		for i, now := range takes {
			if now.event != ids[id] {
				t.duplicates = append(t.duplicates, fmt.Sprintf("%s for events %s and %s", id, ids[id], now.event))
			}
			if i == 0 {
				continue
			}
			repeats++
			before := takes[i-1]
			switch {
			case now.term == before.term && before.known:
				t.duplicates = append(t.duplicates, id+" sent again after an answer")
			case now.term > before.term && reached(r.terms[now.term-1], now.version):
				t.duplicates = append(t.duplicates, fmt.Sprintf("%s of version %s sent again from position %s", id, now.version, r.terms[now.term-1]))
			}
		}
	}
	if len(r.sources) > 1 {
		r.tb.Errorf("messages have the sources %v, want one", r.sources)
	}
	return t, repeats
}

// taken returns how many messages were taken at least once.
func (r *receiver) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.takes)
}

// sendTo writes a filter file that accepts the same as filters, and sends all of it to
// one receiver.
func (p *place) sendTo(r *receiver) {
	p.tb.Helper()
	to := "action: accept\n    destination: " + r.name
	content := strings.ReplaceAll(filters, "action: accept", to)
	p.filter(destinations(r) + strings.Replace(content, "project: deis/empty-testbed", "", 1))
}

// destinations returns the section of a filter file for some receivers.
func destinations(receivers ...*receiver) string {
	section := "destinations:\n"
	for _, r := range receivers {
		section += fmt.Sprintf("  - name: %s\n    cloudEvents:\n      url: http://%s/\n      timeout: %s\n", r.name, r.proxy.listener.Addr(), r.timeout)
	}
	return section
}

// newReceiverPlace returns a place whose accepted Events go to one receiver.
func newReceiverPlace(tb testing.TB, fault string) (*place, *receiver) {
	tb.Helper()
	p := newPlace(tb, "receiver-"+fault)
	r := newReceiver(tb, "first")
	p.sendTo(r)
	return p, r
}

// received finishes as finish does, for a receiver, and returns how many messages were
// repeats.
func (p *place) received(r *receiver, g *daemon.Daemon) (repeats int) {
	p.tb.Helper()
	p.someMore()
	p.writer.stop()
	p.awaitPosition(p.writer.version())
	g.Stop()
	due, events := p.writer.due()
	if len(due) == 0 || len(due) == events {
		p.tb.Errorf("%d of %d events are to be accepted: that shows nothing", len(due), events)
	}
	return p.reportReceived(r, due)
}

// reportReceived prints the line of a receiver, fails the test if something is wrong, and
// returns how many messages were repeats.
func (p *place) reportReceived(r *receiver, due map[string]string) (repeats int) {
	p.tb.Helper()
	stored, err := p.client.CoreV1().Events(p.watched).List(p.tb.Context(), metav1.ListOptions{})
	p.must(err)
	t, repeats := r.compare(stored.Items, due)
	fmt.Fprintf(os.Stdout, "fault=%s destination=%s accepted=%d ids=%d missing=%d duplicates=%d repeats=%d\n",
		p.fault, r.name, t.accepted, t.builds, len(t.missing), len(t.duplicates), repeats)
	if err := t.err(); err != nil {
		p.tb.Error(err)
	}
	return repeats
}

// awaitQueue waits until messages of a destination wait.
func awaitQueue(g *daemon.Daemon, destination string) {
	g.AwaitMetrics(func(m daemon.Metrics) error {
		if m.Of("queue_depth", `destination="`+destination+`"`) == 0 {
			return errors.New("no message waits")
		}
		return nil
	})
}

// awaitRetries waits until attempts have failed for a reason since before.
func awaitRetries(g *daemon.Daemon, reason string, before float64) {
	g.AwaitMetrics(func(m daemon.Metrics) error {
		if m.Of("retries_total", `reason="`+reason+`"`) <= before {
			return fmt.Errorf("no attempt has failed with %s", reason)
		}
		return nil
	})
}

func retriesOf(g *daemon.Daemon, reason string) float64 {
	return g.Metrics().Of("retries_total", `reason="`+reason+`"`)
}

// never fails the test if messages were repeated.
func never(tb testing.TB, repeats int) {
	tb.Helper()
	if repeats > 0 {
		tb.Errorf("%d messages were repeated, although every answer arrived", repeats)
	}
}

// sometimes fails the test if no message was repeated, because then the fault did not
// happen.
func sometimes(tb testing.TB, repeats int) {
	tb.Helper()
	if repeats == 0 {
		tb.Error("no message was repeated")
	}
}

func TestReceiverDown(t *testing.T) {
	t.Parallel()
	p, r := newReceiverPlace(t, "down")
	g := p.begin(listening)
	for range rounds(2) {
		p.someMore()
		before := retriesOf(g, "network")
		r.proxy.down(true)
		awaitRetries(g, "network", before)
		p.someMore()
		r.proxy.down(false)
	}
	never(t, p.received(r, g))
}

// TestReceiverSlow has a receiver that takes messages and does not answer them within the
// timeout.
func TestReceiverSlow(t *testing.T) {
	t.Parallel()
	p, r := newReceiverPlace(t, "slow")
	r.timeout = "3s"
	p.sendTo(r)
	g := p.begin(listening)
	for range rounds(2) {
		p.someMore()
		before, held := retriesOf(g, "timeout"), make(chan struct{})
		r.answer(func(string, bool) answer { return answer{held: held} })
		awaitRetries(g, "timeout", before)
		r.answer(func(string, bool) answer { return answer{} })
		close(held)
	}
	sometimes(t, p.received(r, g))
}

// TestReceiverAnswers500 has a receiver that answers the first attempt of some messages
// with 500, without taking them or after.
func TestReceiverAnswers500(t *testing.T) {
	t.Parallel()
	for name, untaken := range map[string]bool{"before": true, "after": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := newReceiverPlace(t, "500-"+name)
			messages, failed := 0, 0
			r.answer(func(_ string, first bool) answer {
				if !first {
					return answer{}
				}
				messages++
				if messages%4 != 1 {
					return answer{}
				}
				failed++
				return answer{status: http.StatusInternalServerError, untaken: untaken}
			})
			g := p.begin(listening)
			for range rounds(1) {
				p.someMore()
			}
			repeats := p.received(r, g)
			if want := map[bool]int{true: 0, false: failed}[untaken]; repeats != want || failed == 0 {
				t.Errorf("%d messages of %d were answered 500 and %d repeated, want %d", failed, messages, repeats, want)
			}
		})
	}
}

// TestReceiverThrottles has the SDK's receiver answer 429 with Retry-After. One worker
// sends, so that no request is on its way when the first is denied.
func TestReceiverThrottles(t *testing.T) {
	t.Parallel()
	const denied = 3
	p, r := newReceiverPlace(t, "429")
	g := p.begin("--workers=1", listening)
	for range rounds(1) {
		p.someMore()
		before := retriesOf(g, "throttled")
		r.mu.Lock()
		r.denies, r.arrivals = denied, nil
		r.mu.Unlock()
		awaitRetries(g, "throttled", before+denied-1)
		var arrivals []time.Time
		controlplane.Eventually(t, func(context.Context) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if arrivals = r.arrivals; len(arrivals) <= denied {
				return errNotYet
			}
			return nil
		})
		for i := range denied {
			if wait := arrivals[i+1].Sub(arrivals[i]); wait < retryAfter*time.Second {
				t.Errorf("the request after the %d. 429 came after %s, want at least %ds", i+1, wait, retryAfter)
			}
		}
	}
	never(t, p.received(r, g))
}

// TestReceiverAnswersLost loses some answers with their connections, after the messages
// were taken.
func TestReceiverAnswersLost(t *testing.T) {
	t.Parallel()
	p, r := newReceiverPlace(t, "answers-lost")
	g := p.begin(listening)
	lost := 0
	for range rounds(1) {
		selects := oneOf(5, "/", p.dice.IntN(5), &lost)
		r.proxy.lose(func(request *http.Request) bool {
			if !selects(request) {
				return false
			}
			request.Header.Set(lostHeader, "true")
			return true
		})
		p.someMore()
		p.someMore()
		controlplane.Eventually(t, func(context.Context) error {
			r.proxy.mu.Lock()
			defer r.proxy.mu.Unlock()
			if lost == 0 {
				return errors.New("no answer was lost")
			}
			return nil
		})
		r.proxy.lose(nil)
	}
	if repeats := p.received(r, g); repeats != lost {
		t.Errorf("%d answers were lost and %d messages repeated", lost, repeats)
	}
}

// TestGatewayKilledWhileMessagesWait kills the gateway while the receiver is down.
func TestGatewayKilledWhileMessagesWait(t *testing.T) {
	t.Parallel()
	p, r := newReceiverPlace(t, "kill-9")
	g := p.begin(listening)
	for range rounds(2) {
		p.someMore()
		r.proxy.down(true)
		awaitQueue(g, r.name)
		p.someMore()
		g.Kill()
		position, err := p.position(t.Context())
		p.must(err)
		r.restarted(position)
		r.proxy.down(false)
		g = p.start(listening)
		g.Ready()
	}
	p.received(r, g)
}

// TestGatewayKilledWhileItSends kills the gateway while every message is taken.
func TestGatewayKilledWhileItSends(t *testing.T) {
	t.Parallel()
	p, r := newReceiverPlace(t, "kill-9-sending")
	g := p.begin(listening)
	for range rounds(2) {
		before := r.taken()
		controlplane.Eventually(t, func(context.Context) error {
			if r.taken() == before {
				return errors.New("nothing was taken")
			}
			return nil
		})
		g.Kill()
		position, err := p.position(t.Context())
		p.must(err)
		r.restarted(position)
		g = p.start(listening)
		g.Ready()
	}
	p.received(r, g)
}

// TestOneDeadDestination has a receiver that is down beside one that works and beside
// Brigade. The others get everything meanwhile.
func TestOneDeadDestination(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "receiver-dead")
	dead, alive := newReceiver(t, "dead"), newReceiver(t, "alive")
	p.filter(destinations(dead, alive) + unlimited + `
filters:
  - kind: Pod
    reasons: [Killing]
    action: reject
  - kind: Pod
    name: ["*0", "*1", "*2"]
    action: accept
    destination: dead
  - kind: Pod
    name: ["*3", "*4", "*5"]
    action: accept
    destination: alive
  - kind: Pod
    action: accept
  - kind: Job
    expression: event.count >= 2
    action: accept
    destination: alive
`)
	dead.proxy.down(true)
	g := p.begin(listening)
	for range rounds(1) {
		p.someMore()
		p.someMore()
	}
	awaitQueue(g, dead.name)
	p.writer.stop()
	due, events := p.writer.due()
	to := map[string]map[string]string{"": {}, dead.name: {}, alive.name: {}}
	for _, o := range p.writer.events {
		destination := alive.name
		switch last := o.name[len(o.name)-1]; {
		case o.kind == "Job":
		case last < '3':
			destination = dead.name
		case last > '5':
			destination = ""
		}
		if o.due {
			to[destination][string(o.uid)] = o.name
		}
	}
	controlplane.Eventually(t, func(context.Context) error {
		if got := alive.taken(); got != len(to[alive.name]) {
			return fmt.Errorf("the receiver that works has %d messages of %d", got, len(to[alive.name]))
		}
		if got := len(p.ledger.seen()); got != len(to[""]) {
			return fmt.Errorf("there are %d builds of %d", got, len(to[""]))
		}
		return nil
	})
	if n := dead.taken(); n > 0 {
		t.Errorf("the receiver that is down took %d messages", n)
	}
	dead.proxy.down(false)
	p.awaitPosition(p.writer.version())
	g.Stop()
	p.report(events, p.ledger.compare(to[""], nil), fmt.Sprintf(" of=%d", len(due)))
	never(t, p.reportReceived(dead, to[dead.name]))
	never(t, p.reportReceived(alive, to[alive.name]))
}
