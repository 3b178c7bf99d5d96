package faults

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// proxy is between a gateway and the API server, or a receiver of CloudEvents, and
// injects network faults. It terminates the gateway's TLS, so that it sees single
// requests, and forwards everything, tokens included.
type proxy struct {
	listener net.Listener

	mu       sync.Mutex
	conns    map[*conn]struct{}
	refusing bool
	requests []request
	// loses selects requests that are forwarded and whose answers are lost with the
	// connection.
	loses func(*http.Request) bool
	// answers handles requests itself, if it returns true.
	answers func(http.ResponseWriter, *http.Request) bool
	// before is called before a request is forwarded.
	before func(*http.Request)
}

// request is a record of one request.
type request struct {
	method string
	path   string
	query  url.Values
}

// newProxy starts a proxy to the API server, which the gateways of a place use from now
// on. It ends with the test.
func newProxy(to *place) *proxy {
	tb := to.tb
	tb.Helper()
	certificate, ca := selfSigned(tb)
	// Without credentials: the gateway's are forwarded.
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(to.plane.Config()))
	if err != nil {
		tb.Fatal(err)
	}
	server, err := url.Parse(to.plane.Config().Host)
	if err != nil {
		tb.Fatal(err)
	}
	p := startProxy(tb, server, transport, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}})
	to.kubeconfig = p.writeKubeconfig(tb, to.kubeconfig, ca)
	return p
}

// startProxy starts a proxy to a server, with TLS if settings are given. It ends with the
// test.
func startProxy(tb testing.TB, server *url.URL, transport http.RoundTripper, settings *tls.Config) *proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{listener: listener, conns: map[*conn]struct{}{}}
	forward := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(server) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	s := &http.Server{
		Handler:     p.handler(forward),
		TLSConfig:   settings,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:    log.New(io.Discard, "", 0),
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if settings == nil {
			_ = s.Serve(breakable{Listener: listener, proxy: p})
			return
		}
		_ = s.ServeTLS(breakable{Listener: listener, proxy: p}, "", "")
	})
	tb.Cleanup(func() {
		p.cut()
		_ = s.Close()
		serving.Wait()
	})
	return p
}

// selfSigned returns a self-signed certificate for 127.0.0.1 and a pool that trusts it.
func selfSigned(tb testing.TB) (certificate tls.Certificate, ca []byte) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxy"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pemOf(&x509.Certificate{Raw: der})
}

// pemOf returns a certificate in PEM.
func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// writeKubeconfig writes the kubeconfig in a file again with the proxy as the server, and
// returns where.
func (p *proxy) writeKubeconfig(tb testing.TB, path string, ca []byte) string {
	tb.Helper()
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + p.listener.Addr().String()
		cluster.CertificateAuthorityData = ca
	}
	path = filepath.Join(tb.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// connKey is the context key of the connection of a request.
type connKey struct{}

func (p *proxy) handler(forward http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, request{method: r.Method, path: r.URL.Path, query: r.URL.Query()})
		before, answers, lost := p.before, p.answers, p.loses != nil && p.loses(r)
		p.mu.Unlock()
		if answers != nil && answers(w, r) {
			return
		}
		if before != nil {
			before(r)
		}
		if !lost {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		switch c := r.Context().Value(connKey{}).(type) {
		case *tls.Conn:
			_ = c.NetConn().Close()
		case net.Conn:
			_ = c.Close()
		}
		panic(http.ErrAbortHandler)
	})
}

// lose makes the proxy lose the answers to requests that f selects. f is called for one
// request at a time.
func (p *proxy) lose(f func(*http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loses = f
}

// answer makes the proxy call f first, which answers a request if it returns true.
func (p *proxy) answer(f func(http.ResponseWriter, *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = f
}

// beforeEach makes the proxy call f before a request is forwarded.
func (p *proxy) beforeEach(f func(*http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = f
}

// since returns the requests from the n-th on.
func (p *proxy) since(n int) []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]request(nil), p.requests[n:]...)
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.closeLocked()
	}
}

// refuse closes all connections, and new ones as long as it is on.
func (p *proxy) refuse(on bool) {
	p.mu.Lock()
	p.refusing = on
	p.mu.Unlock()
	p.cut()
}

// down breaks the connection of each new request, and refuses new connections, as long as
// it is on. Requests that are forwarded already are answered.
func (p *proxy) down(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing, p.answers = on, nil
	if on {
		p.answers = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	}
}

// freeze stops forwarding on the existing connections and leaves them open, as a lost
// route or a firewall without state does. New connections work.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.freezeLocked()
	}
}

// breakable makes all accepted connections conns.
type breakable struct {
	net.Listener
	proxy *proxy
}

func (l breakable) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: accepted, proxy: l.proxy, frozen: make(chan struct{}), closed: make(chan struct{})}
		l.proxy.mu.Lock()
		refusing := l.proxy.refusing
		if !refusing {
			l.proxy.conns[c] = struct{}{}
		}
		l.proxy.mu.Unlock()
		if !refusing {
			return c, nil
		}
		_ = accepted.Close()
	}
}

// conn is a connection that can be frozen: its reads and writes are then discarded
// until it is closed.
type conn struct {
	net.Conn
	proxy          *proxy
	frozen, closed chan struct{}
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.frozen:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (c *conn) Write(b []byte) (int, error) {
	select {
	case <-c.frozen:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return c.Conn.Write(b)
	}
}

// Close does not close a frozen connection to the gateway, which gets no answer at all.
func (c *conn) Close() error {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	select {
	case <-c.frozen:
		return nil
	default:
		return c.closeLocked()
	}
}

func (c *conn) closeLocked() error {
	if _, open := c.proxy.conns[c]; !open {
		return nil
	}
	delete(c.proxy.conns, c)
	close(c.closed)
	return c.Conn.Close()
}

func (c *conn) freezeLocked() {
	select {
	case <-c.frozen:
	default:
		close(c.frozen)
	}
}
