// Package cloudevents sends an accepted Event as a CloudEvent over HTTP.
//
// It is an end of the flow, like pkg/brigade. Delivery is at least once: a
// message whose answer is lost is sent again. Its id is the build ID, equal for
// every attempt, restart and replica, so a receiver recognizes repeats.
package cloudevents

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// Options are the dependencies and settings of a Sink.
type Options struct {
	// URL is the address of the receiver.
	URL *url.URL
	// Structured puts the attributes into the body instead of headers.
	Structured bool
	// Timeout is the deadline of one attempt.
	Timeout time.Duration
	// CAFile has the only trusted CAs, in PEM; empty for those of publicRoots. CertFile
	// and KeyFile have the client certificate.
	CAFile, CertFile, KeyFile string
	// TokenFile has a bearer token, and HeadersFile is for ParseHeaders.
	TokenFile, HeadersFile string
	// AllowLinkLocal permits the addresses that address.Blocked reports.
	AllowLinkLocal bool
	// Source is the source of the messages, a URI reference.
	Source string
	// UserAgent is the User-Agent header.
	UserAgent string
	// Connections is the number of kept connections: that of concurrent requests.
	Connections int
	// DryRun makes every message and sends none.
	DryRun bool
	// Transport replaces the Sink's own, in tests; nil otherwise.
	Transport http.RoundTripper
}

// maxAttributes is how many headers a message adds at most: its attributes, User-Agent,
// Content-Type and Idempotency-Key. A map that grows is an eighth of the cost of a message.
const maxAttributes = 20

// Sink sends to one receiver.
type Sink struct {
	options     Options
	credentials *credentials
}

// New returns a Sink. It reads no file before the first attempt.
func New(o Options) *Sink {
	return &Sink{options: o, credentials: newCredentials(o)}
}

// Write sends b once. Its error is a delivery.AttemptError, or that of delivery.Refuse.
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
		return "", delivery.Refuse(newMask(s.options.URL, header).error(err))
	}
	response, err := transport.RoundTrip(request) // and not a Client, which follows redirects
	if err != nil {
		return "", s.failed(newMask(s.options.URL, header).error(err), connected.Load())
	}
	defer func() { _ = response.Body.Close() }() // it has been read up to maxBody
	if response.StatusCode/100 == 2 {
		discard(response.Body)
		return delivery.Sent, nil
	}
	return "", refusal(response, time.Now(), newMask(s.options.URL, header))
}

// request returns the request for a message.
func (s *Sink) request(ctx context.Context, m binding.Message, header http.Header) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.URL.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	request.Header = make(http.Header, len(header)+maxAttributes)
	maps.Copy(request.Header, header)
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", s.options.UserAgent)
	}
	// Without a value it is not sent, and makes the transport retry on another connection
	// if the receiver has just closed this one (net/http, Transport).
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

// failed returns the error of an attempt without an answer.
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

// Close closes idle connections.
func (s *Sink) Close() {
	s.credentials.mu.Lock()
	defer s.credentials.mu.Unlock()
	s.credentials.closeIdle()
}
