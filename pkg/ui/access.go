package ui

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// contentPolicy is the Content-Security-Policy of everything that is served:
// nothing from elsewhere, no inline script, no markup created from text. The
// nonce is for the styles that the editor creates at run time.
func contentPolicy(nonce string) string {
	style := "style-src 'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", style, "img-src 'self' data:", "connect-src 'self'",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
		"require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")
}

// protect refuses requests that do not come from the page itself, and sets security
// headers on each answer.
func (u *UI) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy(""))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !u.hostAllowed(r.Host) {
			http.Error(w, "The Host header names another host. Open the page by its address, or as localhost.", http.StatusMisdirectedRequest)
			return
		}
		if !sameOrigin(r) {
			http.Error(w, "Requests from other pages are refused.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostAllowed reports whether a Host header is one of this page. A page that
// rebinds its own name to this address still sends its name, so names are
// refused. What remains are addresses, localhost, and the name in the address that
// the page listens on.
func (u *UI) hostAllowed(hostport string) bool {
	host := hostOf(hostport)
	if net.ParseIP(strings.Trim(host, "[]")) != nil || strings.EqualFold(host, "localhost") {
		return true
	}
	own := hostOf(u.options.Address)
	return own != "" && strings.EqualFold(host, own)
}

// hostOf returns the host in "host:port" or "host".
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}

// sameOrigin reports whether a request comes from the page itself, from the
// address bar, or from a program that is not a browser. A link on another site
// may open the page and request nothing else.
func sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		opened := r.Method == http.MethodGet && r.URL.Path == "/" &&
			r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		if !opened {
			return false
		}
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	from, err := url.Parse(origin)
	return err == nil && from.Host == r.Host
}

// limited answers 429 if all browsers together ask too often.
func (u *UI) limited(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !u.requests.AllowN(u.now(), 1) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Too many requests; try again in a second.", http.StatusTooManyRequests)
			return
		}
		next(w, r)
	}
}
