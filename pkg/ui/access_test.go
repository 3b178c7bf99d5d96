package ui

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProtectAnswersThePageAlone(t *testing.T) {
	const otherHost, otherPage = http.StatusMisdirectedRequest, http.StatusForbidden
	for name, tc := range map[string]struct {
		method, path, host string
		headers            map[string]string
		status             int
	}{
		"the address bar":                           {"GET", "/", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"through kubectl port-forward":              {"GET", "/", "localhost:9000", nil, 200},
		"by an IPv6 address":                        {"GET", "/", "[::1]:8081", nil, 200},
		"by the name in its listen address":         {"GET", "/", "events.example:8081", nil, 200},
		"by an address that is not loopback":        {"GET", "/", "10.1.2.3:8081", nil, 200},
		"a rebound name":                            {"GET", "/", "evil.example:8081", nil, otherHost},
		"a rebound name that begins like localhost": {"GET", "/", "localhost.evil.example", nil, otherHost},
		"a name that looks like an address":         {"GET", "/", "127.0.0.1.evil.example", nil, otherHost},
		"no host":                                   {"GET", "/", "", nil, otherHost},
		"a link on another site": {
			"GET", "/", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200,
		},
		"a frame on another site": {
			"GET", "/", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, otherPage,
		},
		"a stream for another site": {
			"GET", "/api/stream", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, otherPage,
		},
		"a script for another port": {"GET", "/assets/main.js", "localhost", map[string]string{"Sec-Fetch-Site": "same-site"}, otherPage},
		"a list from another site":  {"POST", "/api/evaluate", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site"}, otherPage},
		"a list from an old browser on another site": {
			"POST", "/api/evaluate", "localhost:8081", map[string]string{"Origin": "http://evil.example"}, otherPage,
		},
		"a list from another port":        {"POST", "/api/evaluate", "localhost:8081", map[string]string{"Origin": "http://localhost:3000"}, otherPage},
		"a list from a sandboxed frame":   {"POST", "/api/evaluate", "localhost:8081", map[string]string{"Origin": "null"}, otherPage},
		"a list from the page":            {"POST", "/api/evaluate", "localhost:8081", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8081"}, 200},
		"a list from curl":                {"POST", "/api/evaluate", "localhost:8081", nil, 200},
		"asking whether a list may come":  {"OPTIONS", "/api/evaluate", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, otherPage},
		"a file of the page for the page": {"GET", "/assets/main.js", "localhost", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			u := newTestUI(t)
			u.options.Address = "events.example:8081"
			r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, strings.NewReader(pods))
			r.Host = tc.host
			r.Header.Set("Content-Type", listType)
			for k, v := range tc.headers {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			u.Handler().ServeHTTP(w, r)
			if w.Code != tc.status {
				t.Errorf("%d, want %d: %s", w.Code, tc.status, w.Body)
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q", policy)
			}
			for header, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestIndexHasANonceOfItsOwn(t *testing.T) {
	u := newTestUI(t)
	u.options.Where = `<img src=x onerror="alert(1)">`
	nonces := map[string]bool{}
	for range 2 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		u.Handler().ServeHTTP(w, r)
		_, rest, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), "'nonce-")
		nonce, _, _ := strings.Cut(rest, "'")
		if len(nonce) < 22 || !strings.Contains(w.Body.String(), `content="`+nonce+`"`) {
			t.Errorf("nonce %q is short, or not the page's", nonce)
		}
		nonces[nonce] = true
		if strings.Contains(w.Body.String(), "<img") {
			t.Error("what is watched is written as markup")
		}
	}
	if len(nonces) != 2 {
		t.Error("two pages have the same nonce")
	}
}
