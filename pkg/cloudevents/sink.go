// Package cloudevents sends an accepted Event as a CloudEvent over HTTP.
//
// It is a far end of the flow, beside pkg/brigade. Delivery is at least once: a
// message whose answer is lost is sent again. Its id is the build ID, equal for
// every attempt, restart and replica, so a receiver recognizes repeats.
package cloudevents

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// Options are what a Sink works with.
type Options struct {
	// URL is where messages are sent to.
	URL *url.URL
	// Structured puts the attributes into the body instead of headers.
	Structured bool
	// Timeout bounds one attempt.
	Timeout time.Duration
	// CAFile holds the CAs that alone are trusted, in PEM; empty for those of the
	// system. CertFile and KeyFile hold the client certificate.
	CAFile, CertFile, KeyFile string
	// TokenFile holds a bearer token, and HeadersFile what ParseHeaders takes.
	TokenFile, HeadersFile string
	// AllowLinkLocal permits the addresses that address.Blocked reports.
	AllowLinkLocal bool
	// Source is the source of the messages, a URI reference.
	Source string
	// UserAgent says who sends.
	UserAgent string
	// Connections is how many are kept: as many as messages are sent at once.
	Connections int
	// DryRun has every message made and none sent.
	DryRun bool
	// Transport sends instead of the Sink's own; nil outside of tests.
	Transport http.RoundTripper
}

// Sink sends to one receiver.
type Sink struct {
	options     Options
	credentials *credentials
}

// New returns a Sink. It reads no file before the first attempt.
func New(o Options) *Sink {
	return &Sink{options: o, credentials: newCredentials(o)}
}

// Write sends b once. Its error says whether to try again, see
// delivery.AttemptError and delivery.Refuse.
func (s *Sink) Write(ctx context.Context, b delivery.Build) (delivery.Outcome, error) {
	m, err := newMessage(b, s.options.Source)
	if err != nil {
		return "", delivery.Refuse(err)
	}
	if s.options.DryRun {
		return delivery.DryRun, nil
	}
	transport, header, err := s.credentials.current()
	if err != nil {
		return "", &delivery.AttemptError{Reason: delivery.Credentials, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := s.request(ctx, binding.ToMessage(m), header)
	if err != nil {
		return "", delivery.Refuse(err)
	}
	response, err := transport.RoundTrip(request) // and not a Client, which follows redirects
	if err != nil {
		return "", s.failed(err, connected.Load())
	}
	defer func() { _ = response.Body.Close() }() // it has been read as far as it matters
	return outcome(response, time.Now())
}

// request returns the request for a message.
func (s *Sink) request(ctx context.Context, m binding.Message, header http.Header) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.URL.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	request.Header = header.Clone()
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", s.options.UserAgent)
	}
	// Without a value it is not sent, and has the transport use another connection
	// where the receiver has just closed this one (net/http, Transport).
	request.Header["Idempotency-Key"] = nil
	encoding := binding.WithForceBinary
	if s.options.Structured {
		encoding = binding.WithForceStructured
	}
	if err := cehttp.WriteRequest(encoding(ctx), m, request); err != nil {
		return nil, fmt.Errorf("encoding a message: %w", err)
	}
	return request, nil
}

// failed returns the error of an attempt that had no answer. Errors of url.Error
// are left out, because they show the path and query, where tokens may be.
func (s *Sink) failed(err error, connected bool) error {
	failed := &delivery.AttemptError{
		Reason: delivery.Network, MayHaveWritten: connected,
		Err: fmt.Errorf("sending to %s: %w", s.options.URL.Host, err),
	}
	switch {
	case errors.Is(err, errBlocked):
		failed.Reason = delivery.BlockedAddress
	case errors.Is(err, context.DeadlineExceeded):
		failed.Reason = delivery.Timeout
	}
	return failed
}

// Close closes the connections that nothing is sent on.
func (s *Sink) Close() {
	s.credentials.mu.Lock()
	defer s.credentials.mu.Unlock()
	s.credentials.closeIdle()
}
