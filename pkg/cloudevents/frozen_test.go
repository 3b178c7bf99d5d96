package cloudevents

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// freezer is a proxy whose connections can stop to carry anything without being closed,
// as those to a node that has lost its power.
type freezer struct {
	net.Listener
	mu sync.Mutex
	// frozen is closed when the connections so far freeze.
	frozen chan struct{}
}

func newFreezer(t *testing.T, target string) *freezer {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &freezer{Listener: listener, frozen: make(chan struct{})}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", target)
			if err != nil {
				_ = client.Close()
				return
			}
			f.mu.Lock()
			frozen := f.frozen
			f.mu.Unlock()
			go carry(server, client, frozen)
			go carry(client, server, frozen)
		}
	}()
	return f
}

// carry copies until it is frozen. What is read after that is discarded.
func carry(to, from net.Conn, frozen <-chan struct{}) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		select {
		case <-frozen:
			_, _ = io.Copy(io.Discard, from)
			return
		default:
		}
		if err != nil {
			_ = to.Close()
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// freeze freezes the connections so far.
func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.frozen)
	f.frozen = make(chan struct{})
}

// TestAFrozenConnectionIsReplaced has a receiver whose only connection freezes, with
// HTTP/1.1 and with HTTP/2, which keeps a connection after the deadline of a request.
func TestAFrozenConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if (r.ProtoMajor == 2) != http2 {
					t.Errorf("%s", r.Proto)
				}
				w.WriteHeader(http.StatusAccepted)
			}))
			server.EnableHTTP2 = http2
			server.StartTLS()
			t.Cleanup(server.Close)
			f := newFreezer(t, server.Listener.Addr().String())
			o := options(t, "https://"+f.Addr().String())
			o.Timeout = 500 * time.Millisecond
			o.CAFile = filepath.Join(t.TempDir(), "ca.crt")
			if err := os.WriteFile(o.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newSink(t, o)
			attempt := func(most int) {
				t.Helper()
				var err error
				for range most {
					if _, err = s.Write(t.Context(), backOff()); err == nil {
						return
					}
				}
				t.Fatalf("%d attempts failed, the last with %v", most, err)
			}
			attempt(20) // a slow machine may need more than one
			f.freeze()
			attempt(40)
		})
	}
}
