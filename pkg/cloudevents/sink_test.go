package cloudevents

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/client"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// receiver is the SDK's own receiver behind a server that is not started.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	got      []cloudevent.Event
	requests []*http.Request
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	protocol, err := cehttp.New()
	if err != nil {
		t.Fatal(err)
	}
	handler, err := client.NewHTTPReceiveHandler(t.Context(), protocol, func(e cloudevent.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, e)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.requests = append(r.requests, request)
		r.mu.Unlock()
		handler.ServeHTTP(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

// options returns the Options for an address.
func options(t *testing.T, address string) Options {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return Options{URL: target, Timeout: 10 * time.Second, Source: "/clusters/c/namespaces/n/gateways/g", UserAgent: "test", Connections: 4}
}

func newSink(t *testing.T, o Options) *Sink {
	t.Helper()
	s := New(o)
	t.Cleanup(s.Close)
	return s
}

func TestTheSDKReceivesWhatWasSent(t *testing.T) {
	t.Parallel()
	for _, structured := range []bool{false, true} {
		name := map[bool]string{false: "binary", true: "structured"}[structured]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t)
			r.Start()
			o := options(t, r.URL+"/hooks?a=b")
			o.Structured = structured
			if outcome, err := newSink(t, o).Write(t.Context(), backOff()); outcome != delivery.Sent || err != nil {
				t.Fatalf("outcome %q, error %v", outcome, err)
			}
			if len(r.got) != 1 {
				t.Fatalf("%d messages received, want 1", len(r.got))
			}
			want, err := newMessage(backOff(), o.Source)
			if err != nil {
				t.Fatal(err)
			}
			got := r.got[0]
			sent, received := attributes(want), attributes(&got)
			if diff := cmp.Diff(sent, received); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(got.Data(), want.Data()) {
				t.Errorf("data %s, want %s", got.Data(), want.Data())
			}
			request := r.requests[0]
			if got := request.URL.String(); got != "/hooks?a=b" {
				t.Errorf("sent to %s", got)
			}
			contentType := map[bool]string{false: "application/json", true: "application/cloudevents+json"}[structured]
			if got := request.Header.Get("Content-Type"); got != contentType {
				t.Errorf("content type %q, want %q", got, contentType)
			}
			if got := request.UserAgent(); got != "test" {
				t.Errorf("user agent %q", got)
			}
			if _, found := request.Header["Idempotency-Key"]; found {
				t.Error("a header that is only for the transport was sent")
			}
		})
	}
}

// attributes returns the attributes of a message as text, which is what they
// are in a header.
func attributes(e *cloudevent.Event) map[string]string {
	all := map[string]string{
		"id": e.ID(), "source": e.Source(), "type": e.Type(), "subject": e.Subject(), "time": e.Time().UTC().String(), "datacontenttype": e.DataContentType(),
	}
	for name := range e.Extensions() {
		var text string
		if err := e.ExtensionAs(name, &text); err != nil {
			text = "a number"
		}
		if name == "count" {
			text = "a number"
		}
		all[name] = text
	}
	return all
}

func TestAnAnswerIsSuccessATryLaterOrARefusal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status  int
		header  string // Retry-After
		body    string
		outcome delivery.Outcome
		reason  delivery.Reason
		written bool
		wait    time.Duration
		err     string
	}{
		"200":                          {status: 200, outcome: delivery.Sent},
		"201":                          {status: 201, outcome: delivery.Sent},
		"202 with a body":              {status: 202, body: strings.Repeat("x", 1000), outcome: delivery.Sent},
		"204":                          {status: 204, outcome: delivery.Sent},
		"408":                          {status: 408, reason: delivery.Timeout, written: true, err: "the receiver answered 408 Request Timeout"},
		"429":                          {status: 429, reason: delivery.Throttled, err: "the receiver answered 429 Too Many Requests"},
		"429 with seconds":             {status: 429, header: "30", reason: delivery.Throttled, wait: 30 * time.Second, err: "the receiver answered 429 Too Many Requests"},
		"429 with a date of the past":  {status: 429, header: "Wed, 21 Oct 2015 07:28:00 GMT", reason: delivery.Throttled, err: "the receiver answered 429 Too Many Requests"},
		"429 with a date far away":     {status: 429, header: "Wed, 21 Oct 2099 07:28:00 GMT", reason: delivery.Throttled, wait: delivery.MaxRetryAfter, err: "the receiver answered 429 Too Many Requests"},
		"429 with nonsense":            {status: 429, header: "-5", reason: delivery.Throttled, err: "the receiver answered 429 Too Many Requests"},
		"429 with too many seconds":    {status: 429, header: "999999999", reason: delivery.Throttled, wait: delivery.MaxRetryAfter, err: "the receiver answered 429 Too Many Requests"},
		"500":                          {status: 500, reason: delivery.ServerError, written: true, err: "the receiver answered 500 Internal Server Error"},
		"503 with seconds":             {status: 503, header: "7", reason: delivery.ServerError, written: true, wait: 7 * time.Second, err: "the receiver answered 503 Service Unavailable"},
		"599":                          {status: 599, reason: delivery.ServerError, written: true, err: "the receiver answered 599 "},
		"400 with a body for the log":  {status: 400, body: "no\tsuch \x1b[31mtrigger\n", reason: delivery.Permanent, err: "the receiver answered 400 Bad Request: no such \ufffd[31mtrigger"},
		"401":                          {status: 401, reason: delivery.Permanent, err: "the receiver answered 401 Unauthorized"},
		"404":                          {status: 404, reason: delivery.Permanent, err: "the receiver answered 404 Not Found"},
		"413":                          {status: 413, reason: delivery.Permanent, err: "the receiver answered 413 Request Entity Too Large"},
		"415 with more than is shown":  {status: 415, body: strings.Repeat("x", 5000), reason: delivery.Permanent, err: "the receiver answered 415 Unsupported Media Type: " + strings.Repeat("x", 256)},
		"302 is not followed":          {status: 302, reason: delivery.Permanent, err: "the receiver answered 302 Found; redirects are not followed, set url to where it leads"},
		"307 is not followed":          {status: 307, reason: delivery.Permanent, err: "the receiver answered 307 Temporary Redirect; redirects are not followed, set url to where it leads"},
		"304, which no request caused": {status: 304, reason: delivery.Permanent, err: "the receiver answered 304 Not Modified; redirects are not followed, set url to where it leads"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests++
				w.Header().Set("Location", "/elsewhere")
				if tc.header != "" {
					w.Header().Set("Retry-After", tc.header)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body)) // a client that is gone is not this handler's matter
			}))
			t.Cleanup(server.Close)
			outcome, err := newSink(t, options(t, server.URL)).Write(t.Context(), backOff())
			if outcome != tc.outcome {
				t.Errorf("outcome %q, want %q", outcome, tc.outcome)
			}
			wantFailure(t, err, tc.err, tc.reason, tc.written, tc.wait)
			if requests != 1 {
				t.Errorf("%d requests, want 1", requests)
			}
		})
	}
}

// wantFailure fails the test unless err is the expected error of a Sink.
func wantFailure(t *testing.T, err error, text string, reason delivery.Reason, written bool, wait time.Duration) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, want %q", text)
	}
	failed, again := errors.AsType[*delivery.AttemptError](err)
	if again != (reason != delivery.Permanent) {
		t.Fatalf("error %v: tried again is %t", err, again)
	}
	if !again {
		if err.Error() != text {
			t.Errorf("error %q, want %q", err, text)
		}
		return
	}
	if err.Error() != text {
		t.Errorf("error %q, want %q", err, text)
	}
	if failed.Reason != reason || failed.MayHaveWritten != written || failed.RetryAfter != wait {
		t.Errorf("reason %s, may have written %t, retry after %s; want %s, %t, %s", failed.Reason, failed.MayHaveWritten, failed.RetryAfter, reason, written, wait)
	}
}

func TestAnAttemptWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	serve := func(t *testing.T, handler http.HandlerFunc) string {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // a server sees that a client is gone once the body is read
			handler(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = newSink(t, options(t, "http://"+address+"/?token=secret")).Write(t.Context(), backOff())
		wantFailure(t, err, "sending to "+address+": dial tcp "+address+": connect: connection refused", delivery.Network, false, 0)
	})
	t.Run("the connection breaks", func(t *testing.T) {
		t.Parallel()
		address := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		_, err := newSink(t, options(t, address)).Write(t.Context(), backOff())
		wantFailure(t, err, "sending to "+strings.TrimPrefix(address, "http://")+": EOF", delivery.Network, true, 0)
	})
	t.Run("the receiver is too slow", func(t *testing.T) {
		t.Parallel()
		address := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		o := options(t, address)
		o.Timeout = 50 * time.Millisecond
		_, err := newSink(t, o).Write(t.Context(), backOff())
		wantFailure(t, err, "sending to "+strings.TrimPrefix(address, "http://")+": context deadline exceeded", delivery.Timeout, true, 0)
	})
	t.Run("an answer without end", func(t *testing.T) {
		t.Parallel()
		address := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		})
		outcome, err := newSink(t, options(t, address)).Write(t.Context(), backOff())
		if outcome != delivery.Sent || err != nil {
			t.Errorf("outcome %q, error %v: the status is the answer", outcome, err)
		}
	})
	t.Run("the process ends", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		_, err := newSink(t, options(t, address)).Write(ctx, backOff())
		wantFailure(t, err, "sending to "+strings.TrimPrefix(address, "http://")+": context canceled", delivery.Network, true, 0)
	})
}

func TestADryRunSendsNothing(t *testing.T) {
	t.Parallel()
	o := options(t, "http://127.0.0.1:1")
	o.DryRun, o.TokenFile = true, "/does/not/exist"
	if outcome, err := newSink(t, o).Write(t.Context(), backOff()); outcome != delivery.DryRun || err != nil {
		t.Errorf("outcome %q, error %v", outcome, err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	connections := 0
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections++
		}
	}
	r.Start()
	s := newSink(t, options(t, r.URL))
	for range 20 {
		if _, err := s.Write(t.Context(), backOff()); err != nil {
			t.Fatal(err)
		}
	}
	if connections != 1 {
		t.Errorf("%d connections for 20 messages one after the other, want 1", connections)
	}
}
