package cloudevents

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
)

// authority is a CA for one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.pem = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign returns a certificate of the authority, or a self-signed one.
func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// pair returns a certificate and its key in PEM.
func (a *authority) pair(name string, usage x509.ExtKeyUsage) (cert, key []byte) {
	a.t.Helper()
	_, private, cert := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// mount is a folder as kubelet mounts a Secret: ..data is a link to a folder
// that is replaced as a whole.
type mount struct {
	t      *testing.T
	folder string
	number int
}

func newMount(t *testing.T, files map[string][]byte) *mount {
	t.Helper()
	m := &mount{t: t, folder: t.TempDir()}
	m.rotate(files)
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), m.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *mount) path(name string) string { return filepath.Join(m.folder, name) }

// rotate replaces all files at once.
func (m *mount) rotate(files map[string][]byte) {
	m.t.Helper()
	m.number++
	version := strings.Repeat("v", m.number)
	if err := os.Mkdir(m.path(version), 0o755); err != nil {
		m.t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(m.folder, version, name), content, 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := os.Symlink(version, m.path("..next")); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(m.path("..next"), m.path("..data")); err != nil {
		m.t.Fatal(err)
	}
}

// secure starts the receiver with a certificate of the authority. It requires a client
// certificate of the same authority.
func (r *receiver) secure(a *authority) {
	cert, key := a.pair("receiver", x509.ExtKeyUsageServerAuth)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	r.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	r.EnableHTTP2 = true
	r.Config.ErrorLog = nil
	r.StartTLS()
}

func TestCertificatesAreReadAgainWhenTheyRotate(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	files := func(ca, own *authority) map[string][]byte {
		cert, key := own.pair("gateway", x509.ExtKeyUsageClientAuth)
		return map[string][]byte{"ca.crt": ca.pem, "tls.crt": cert, "tls.key": key}
	}
	m := newMount(t, files(first, first))
	r := newReceiver(t)
	r.secure(second)
	o := options(t, r.URL)
	o.CAFile, o.CertFile, o.KeyFile = m.path("ca.crt"), m.path("tls.crt"), m.path("tls.key")
	s := newSink(t, o)
	write := func(what, want string, reason delivery.Reason, written bool) {
		t.Helper()
		outcome, err := s.Write(t.Context(), backOff())
		if want == "" {
			if outcome != delivery.Sent || err != nil {
				t.Errorf("%s: outcome %q, error %v", what, outcome, err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%s: error %v, want one that says %q", what, err, want)
		}
		want = err.Error()
		wantFailure(t, err, want, reason, written, 0)
	}
	write("another CA", "x509: certificate signed by unknown authority", delivery.Network, false)
	m.rotate(files(second, first))
	write("the CA rotated, and the client certificate is not trusted", "sending to ", delivery.Network, true)
	m.rotate(files(second, second))
	write("both rotated", "", "", false)
	half := files(second, second)
	half["tls.key"] = files(second, second)["tls.key"]
	m.rotate(half)
	write("a key of another certificate", "reading client certificate: "+o.CertFile+" with "+o.KeyFile+": tls: private key does not match public key",
		delivery.Credentials, false)
	m.rotate(map[string][]byte{"ca.crt": []byte("none"), "tls.crt": half["tls.crt"], "tls.key": half["tls.key"]})
	write("no CA in the file", "reading CA: "+o.CAFile+": no certificate in PEM", delivery.Credentials, false)
	m.rotate(map[string][]byte{})
	write("no file", "reading CA: stat "+o.CAFile+": no such file or directory", delivery.Credentials, false)
	m.rotate(files(second, second))
	write("back again", "", "", false)
	if len(r.got) != 2 || r.requests[0].Proto != "HTTP/2.0" {
		t.Errorf("%d messages received over %s, want 2 over HTTP/2", len(r.got), r.requests[0].Proto)
	}
}

func TestTokenAndHeadersAreReadAgainWhenTheyRotate(t *testing.T) {
	t.Parallel()
	m := newMount(t, map[string][]byte{"token": []byte("one\n"), "headers": []byte("# team\nx-team: sea\n\nX-Team: ship\nUser-Agent: me")})
	r := newReceiver(t)
	r.Start()
	o := options(t, r.URL)
	o.TokenFile, o.HeadersFile = m.path("token"), m.path("headers")
	s := newSink(t, o)
	write := func(want string) {
		t.Helper()
		_, err := s.Write(t.Context(), backOff())
		wantFailure(t, err, want, delivery.Credentials, false, 0)
	}
	write("")
	m.rotate(map[string][]byte{"token": []byte("two"), "headers": {}})
	write("")
	if err := os.WriteFile(m.path("token"), []byte("six"), 0o600); err != nil { // in place, of the same size and within a step of the clock
		t.Fatal(err)
	}
	write("")
	m.rotate(map[string][]byte{"token": []byte(" \n"), "headers": {}})
	write("reading token: " + o.TokenFile + ": no token in it")
	m.rotate(map[string][]byte{"token": []byte("a b"), "headers": {}})
	write("reading token: " + o.TokenFile + ": not a token, which has no white space and no characters beyond ASCII")
	m.rotate(map[string][]byte{"token": []byte("two"), "headers": []byte("ok: 1\nsecret")})
	write("reading headers: " + o.HeadersFile + ": line 2: not a header; write Name: value")
	m.rotate(map[string][]byte{"token": []byte("two")})
	write("reading headers: stat " + o.HeadersFile + ": no such file or directory")
	m.rotate(map[string][]byte{"token": bytes.Repeat([]byte("x"), maxFile+1), "headers": {}})
	write("reading token: " + o.TokenFile + ": more than 1048576 bytes")
	var got []string
	for _, request := range r.requests {
		h := request.Header
		got = append(got, h.Get("Authorization")+" "+strings.Join(h.Values("X-Team"), "+")+" "+h.Get("User-Agent"))
	}
	if want := "Bearer one sea+ship me|Bearer two  test|Bearer six  test"; strings.Join(got, "|") != want {
		t.Errorf("received %q, want %q", got, want)
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ content, err string }{
		"none":                        {"", ""},
		"comments and empty lines":    {"\n# a: b\r\n\r\n", ""},
		"several":                     {"a: 1\nb: 2: 3\r\n", ""},
		"no colon":                    {"a", "line 1: not a header; write Name: value"},
		"an invalid name":             {"a b: c", "line 1: not a header; write Name: value"},
		"no value":                    {"x: 1\na:", "line 2: a has a value that no header may have"},
		"a control character":         {"a: b\x00", "line 1: a has a value that no header may have"},
		"an attribute":                {"CE-id: x", "line 1: CE-id is set by the gateway"},
		"what HTTP itself needs":      {"host: x", "line 1: host is set by the gateway"},
		"the content type":            {"Content-Type: x", "line 1: Content-Type is set by the gateway"},
		"a connection of another use": {"Upgrade: h2c", "line 1: Upgrade is set by the gateway"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseHeaders([]byte(tc.content))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tc.err {
				t.Errorf("error %q, want %q", got, tc.err)
			}
		})
	}
}

// The headers of one message do not affect the next.
func TestHeadersAreNotShared(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.Start()
	s := newSink(t, options(t, r.URL))
	for _, id := range []string{"a", "b"} {
		b := backOff()
		b.ID = id
		if _, err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range []string{"a", "b"} {
		if got := r.requests[i].Header.Values("Ce-Id"); len(got) != 1 || got[0] != id {
			t.Errorf("message %d has the ids %q, want %q", i, got, id)
		}
	}
	if h := s.credentials.header; len(h) != 0 {
		t.Errorf("headers %v were added to those of the file", h)
	}
}

// TestHeadersThatRotateWhileATokenIsMissing are used once the token is there again.
func TestHeadersThatRotateWhileATokenIsMissing(t *testing.T) {
	t.Parallel()
	headers, token := newMount(t, map[string][]byte{"headers": []byte("X-Key: old")}), newMount(t, map[string][]byte{"token": []byte("t")})
	r := newReceiver(t)
	r.Start()
	o := options(t, r.URL)
	o.HeadersFile, o.TokenFile = headers.path("headers"), token.path("token")
	s := newSink(t, o)
	write := func(works bool) {
		t.Helper()
		if _, err := s.Write(t.Context(), backOff()); (err == nil) != works {
			t.Fatal(err)
		}
	}
	write(true)
	headers.rotate(map[string][]byte{"headers": []byte("X-Key: new")})
	token.rotate(nil)
	write(false)
	token.rotate(map[string][]byte{"token": []byte("t")})
	write(true)
	if got := r.requests[len(r.requests)-1].Header.Get("X-Key"); got != "new" {
		t.Errorf("X-Key is %q after the rotation", got)
	}
}
