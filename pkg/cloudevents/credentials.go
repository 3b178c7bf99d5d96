package cloudevents

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// dialTimeout is the deadline of a connection attempt, and idleTimeout how long an
	// unused connection is kept, as in http.DefaultTransport.
	dialTimeout = 30 * time.Second
	idleTimeout = 90 * time.Second
	// maxHeader is the largest header of an answer.
	maxHeader = 64 << 10
)

// credentials are the contents of the mounted files of a destination. All files are
// checked at every attempt, so that rotated credentials are used at once.
type credentials struct {
	connections    int
	timeout        time.Duration
	allowLinkLocal bool
	// tls is whether the URL is https. Without it, no CAs are read.
	tls bool

	mu sync.Mutex
	// ca, cert and key are for the transport; token and headers are for header.
	ca, cert, key, token, headers *file
	transport                     http.RoundTripper
	header                        http.Header
	// fixed is whether the transport must not be replaced.
	fixed bool
}

func newCredentials(o Options) *credentials {
	return &credentials{
		connections: o.Connections, timeout: o.Timeout, allowLinkLocal: o.AllowLinkLocal, tls: o.URL.Scheme == "https",
		ca: newFile(o.CAFile), cert: newFile(o.CertFile), key: newFile(o.KeyFile), token: newFile(o.TokenFile), headers: newFile(o.HeadersFile),
		transport: o.Transport, fixed: o.Transport != nil,
	}
}

// current returns the transport and the headers, which must not be changed.
func (c *credentials) current() (http.RoundTripper, http.Header, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loadHeader(); err != nil {
		return nil, nil, err
	}
	if err := c.loadTransport(); err != nil {
		return nil, nil, err
	}
	return c.transport, c.header, nil
}

func (c *credentials) loadHeader() (err error) {
	defer func() {
		if err != nil {
			c.header = nil // a file that was read before the fault may have changed
		}
	}()
	lines, changed, err := c.headers.load()
	if err != nil {
		return fmt.Errorf("reading headers: %w", err)
	}
	token, rotated, err := c.token.load()
	if err != nil {
		return fmt.Errorf("reading token: %w", err)
	}
	if c.header != nil && !changed && !rotated {
		return nil
	}
	header, err := ParseHeaders(lines)
	if err != nil {
		return fmt.Errorf("reading headers: %s: %w", c.headers.path, err)
	}
	if c.token != nil {
		authorization, err := bearer(c.token.path, token)
		if err != nil {
			return fmt.Errorf("reading token: %w", err)
		}
		header.Set("Authorization", authorization)
	}
	c.header = header
	return nil
}

func (c *credentials) loadTransport() (err error) {
	if c.fixed {
		return nil
	}
	defer func() {
		if err != nil {
			c.closeIdle()
			c.transport = nil // as for the header
		}
	}()
	ca, caChanged, err := c.ca.load()
	if err != nil {
		return fmt.Errorf("reading CA: %w", err)
	}
	cert, certChanged, err := c.cert.load()
	if err != nil {
		return fmt.Errorf("reading client certificate: %w", err)
	}
	key, keyChanged, err := c.key.load()
	if err != nil {
		return fmt.Errorf("reading client key: %w", err)
	}
	if c.transport != nil && !caChanged && !certChanged && !keyChanged {
		return nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	switch {
	case c.ca == nil && c.tls:
		settings.RootCAs = publicRoots()
	case c.ca != nil:
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(ca) {
			return fmt.Errorf("reading CA: %s: no certificate in PEM", c.ca.path)
		}
	}
	if c.cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("reading client certificate: %s with %s: %w", c.cert.path, c.key.path, err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	c.closeIdle()
	c.transport = c.newTransport(settings)
	return nil
}

// newTransport returns a transport without a proxy: the address that is dialed
// is the destination's, and can be checked. A connection of HTTP/2 on which nothing
// arrives is pinged, and closed without an answer; with HTTP/1 the deadline of an attempt
// closes it.
func (c *credentials) newTransport(settings *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !c.allowLinkLocal {
		dialer.Control = refuseBlocked
	}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: settings, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		MaxIdleConns: c.connections, MaxIdleConnsPerHost: c.connections, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: maxHeader,
		HTTP2: &http.HTTP2Config{SendPingTimeout: c.timeout, PingTimeout: c.timeout},
	}
}

// closeIdle closes idle connections.
func (c *credentials) closeIdle() {
	if transport, ok := c.transport.(*http.Transport); ok && !c.fixed {
		transport.CloseIdleConnections()
	}
}
