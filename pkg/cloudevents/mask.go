package cloudevents

import (
	"cmp"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// minSecret is the length from which a value is masked: a shorter one is no secret, and
	// part of too many words.
	minSecret = 6
	// minSegment is the same for one segment of a path, which is more often a word than
	// a token.
	minSegment = 16
)

// mask replaces what a receiver or a transport may repeat of a request: the values of headers,
// and the path and the query of its URL, any of which may be a secret.
type mask struct {
	replacer *strings.Replacer
	// longest is the length of the longest text that is replaced.
	longest int
}

// newMask returns the mask for errors of requests to target with the given headers.
func newMask(target *url.URL, header http.Header) mask {
	secrets := []string{target.RequestURI(), target.RawQuery, target.Path, target.EscapedPath()}
	for _, values := range target.Query() {
		secrets = append(secrets, values...)
	}
	for _, values := range header {
		for _, value := range values {
			secrets = append(secrets, value)
			secrets = append(secrets, credentialsIn(value)...)
		}
	}
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return len(s) < minSecret })
	for segment := range strings.SplitSeq(target.Path, "/") {
		if len(segment) >= minSegment {
			secrets = append(secrets, segment)
		}
	}
	var all []string
	for _, s := range secrets {
		quoted := strconv.Quote(s)
		all = append(all, s, url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s), quoted[1:len(quoted)-1])
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // the replacer prefers the first
	m := mask{}
	var pairs []string
	for _, s := range all {
		m.longest = max(m.longest, len(s))
		pairs = append(pairs, s, "[masked]")
	}
	m.replacer = strings.NewReplacer(pairs...)
	return m
}

// credentialsIn returns the credentials of an Authorization header: what follows its scheme,
// and the password in it (RFC 7617).
func credentialsIn(value string) []string {
	_, credentials, _ := strings.Cut(value, " ")
	decoded, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return []string{credentials}
	}
	_, password, _ := strings.Cut(string(decoded), ":")
	return []string{credentials, string(decoded), password}
}

// text returns s without secrets.
func (m mask) text(s string) string { return m.replacer.Replace(s) }

// error returns err with a text without secrets.
func (m mask) error(err error) error { return &maskedError{m.text(err.Error()), err} }

type maskedError struct {
	text  string
	cause error
}

func (e *maskedError) Error() string { return e.text }

func (e *maskedError) Unwrap() error { return e.cause }
