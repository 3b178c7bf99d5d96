package cloudevents

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// bearer returns the Authorization header for the content of a token file.
func bearer(path string, content []byte) (string, error) {
	token := string(bytes.TrimSpace(content))
	if token == "" {
		return "", fmt.Errorf("%s: no token in it", path)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: not a token, which has no white space and no characters beyond ASCII", path)
	}
	return "Bearer " + token, nil
}

// ParseHeaders returns the headers of a file, one a line as "Name: value".
// Empty lines and those that begin with # are skipped. Errors name the line and
// no value, which may be a secret.
func ParseHeaders(content []byte) (http.Header, error) {
	headers := http.Header{}
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !found || !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("line %d: not a header; write Name: value", number)
		case value == "" || !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("line %d: %s has a value that no header may have", number, name)
		case reserved(name):
			return nil, fmt.Errorf("line %d: %s is set by the gateway", number, name)
		}
		headers.Add(name, value)
	}
	return headers, nil
}

// reserved reports whether a header belongs to the message or to HTTP itself.
func reserved(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return strings.HasPrefix(name, "Ce-") || slices.Contains([]string{
		"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
		"Te", "Trailer", "Upgrade", "Expect",
	}, name)
}
