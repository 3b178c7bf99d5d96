package cloudevents

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// failureOf returns the error of sending to a receiver that answers 400 with a body.
func failureOf(t *testing.T, path, headers, token string, body func(*http.Request) string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, body(r)) // a client that is gone is not this handler's matter
	}))
	t.Cleanup(server.Close)
	o := options(t, server.URL+path)
	for into, content := range map[*string]string{&o.HeadersFile: headers, &o.TokenFile: token} {
		if content == "" {
			continue
		}
		*into = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(*into, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := newSink(t, o).Write(t.Context(), backOff())
	if err == nil {
		t.Fatal("no error")
	}
	return strings.TrimPrefix(err.Error(), "the receiver answered 400 Bad Request: ")
}

func TestAnAnswerThatRepeatsSecretsIsMasked(t *testing.T) {
	t.Parallel()
	header := func(name string) func(*http.Request) string {
		return func(r *http.Request) string { return "got <" + r.Header.Get(name) + ">" }
	}
	text := func(body string) func(*http.Request) string { return func(*http.Request) string { return body } }
	uri := func(r *http.Request) string { return "no handler for " + r.URL.RequestURI() }
	tests := map[string]struct {
		path, headers, token string
		body                 func(*http.Request) string
		want                 string
	}{
		"a bearer token":                {token: "t0ken-of-mine", body: header("Authorization"), want: "got <[masked]>"},
		"a token without its scheme":    {token: "t0ken-of-mine", body: text("bad Bearer: t0ken-of-mine"), want: "bad Bearer: [masked]"},
		"a header":                      {headers: "X-Key: my-api-key", body: header("X-Key"), want: "got <[masked]>"},
		"a password":                    {headers: "Authorization: Basic bWU6cGFzc3dvcmQx", body: text("me has not password1 but bWU6cGFzc3dvcmQx"), want: "me has not [masked] but [masked]"},
		"a short header":                {headers: "X-Team: sea", body: text("the season"), want: "the season"},
		"one of two equal headers":      {headers: "X-Key: first-key\nX-Key: second-key", body: text("second-key, first-key"), want: "[masked], [masked]"},
		"a value of the query":          {path: "/?key=a%2Fb%2Fc%2Fd", body: text("a/b/c/d is unknown"), want: "[masked] is unknown"},
		"a value of the query, escaped": {path: "/?key=a%2Fb%2Fc%2Fd", body: text("a%2Fb%2Fc%2Fd is unknown"), want: "[masked] is unknown"},
		"the path and the query":        {path: "/hooks/1?key=secret", body: uri, want: "no handler for [masked]"},
		"the path":                      {path: "/hooks/1", body: text("Cannot POST /hooks/1"), want: "Cannot POST [masked]"},
		"a token in the path":           {path: "/T1/0123456789abcdef", body: text("no hook 0123456789abcdef"), want: "no hook [masked]"},
		"a word of the path":            {path: "/events", body: text("too many events"), want: "too many events"},
		"in HTML":                       {headers: "X-Key: a<b>c&d", body: text("<p>a&lt;b&gt;c&amp;d</p>"), want: "<p>[masked]</p>"},
		"in JSON":                       {headers: `X-Key: a"b\c"d`, body: text(`{"got": "a\"b\\c\"d"}`), want: `{"got": "[masked]"}`},
		"across the end of what is shown": {
			token: strings.Repeat("0123456789", 200), body: text(strings.Repeat("x", 250) + strings.Repeat("0123456789", 200)),
			want: strings.Repeat("x", 250) + "[maske",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := failureOf(t, tc.path, tc.headers, tc.token, tc.body); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestAnAnswerThatIsNoHTTPIsMasked(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the test is over
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return // the listener was closed
		}
		defer func() { _ = connection.Close() }() // the client has what it needs
		if request, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
			_, _ = io.WriteString(connection, request.RequestURI+"\r\n") // a client that is gone needs no answer
		}
	}()
	_, err = newSink(t, options(t, "http://"+listener.Addr().String()+"/hooks/secret?token=secret")).Write(t.Context(), backOff())
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "[masked]") {
		t.Errorf("error %v", err)
	}
}

// failing is a transport that fails with an error that has the URL in it.
type failing struct{ cause error }

func (f failing) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: f.cause}
}

func TestTheErrorOfATransportIsMaskedAndKeepsItsCause(t *testing.T) {
	t.Parallel()
	o := options(t, "https://example.com/services/x?token=t0ken-of-mine")
	o.Transport = failing{context.Canceled}
	_, err := newSink(t, o).Write(t.Context(), backOff())
	if want := `sending to example.com: Post "https://example.com[masked]": context canceled`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v has lost its cause", err)
	}
}
