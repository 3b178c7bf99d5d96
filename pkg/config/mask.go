package config

import (
	"regexp"
	"strings"
)

var (
	// What begins a value that may have a secret, up to its opening quote. JSON may have
	// escaped slashes.
	beforeFile = regexp.MustCompile(`\b(?:key|token|headers)File["']?\s*:\s*(["']?)`)
	beforeURL  = regexp.MustCompile(`\burl["']?\s*:\s*(["']?)(?:[A-Za-z][A-Za-z0-9+.-]*:\\?/\\?/)?`)
	inURL      = regexp.MustCompile(`(["']?)[A-Za-z][A-Za-z0-9+.-]*:\\?/\\?/`)
	// Where a value ends: without quotes, and in them.
	plainEnd    = regexp.MustCompile(`, | #|$`)
	doubleValue = regexp.MustCompile(`^(?:[^"\\]|\\.)*`)
	singleValue = regexp.MustCompile(`^(?:[^']|'')*`)
	hostAndPort = regexp.MustCompile(`^(?:\[[0-9A-Fa-f:.%]+\]|[\pL\pN._-]*)(?::\d{1,5}\b)?`)
	// hidden are all characters but spaces, the end of a user, and the punctuation of YAML in
	// one line.
	hidden = regexp.MustCompile(`[^ @,{}\[\]]`)
)

// masked returns a line of a file, or a message about it, without what may be a secret in it:
// of a URL it shows scheme, host and port, and of a file what looks like a path. Logs and the
// output of CI jobs show reports to more people than can read the file. Every other
// character becomes a `*`, which keeps columns in place.
func masked(text string) string {
	text = maskValues(text, beforeFile, maskedPath)
	text = maskValues(text, beforeURL, maskedURL)
	return maskValues(text, inURL, maskedURL)
}

// maskValues masks each value after a match of before.
func maskValues(text string, before *regexp.Regexp, mask func(string) string) string {
	var b strings.Builder
	for at := before.FindStringSubmatchIndex(text); at != nil; at = before.FindStringSubmatchIndex(text) {
		start := at[1]
		end := start + valueLength(text[start:], text[at[2]:at[3]])
		b.WriteString(text[:start] + mask(text[start:end]))
		text = text[end:]
	}
	return b.String() + text
}

// valueLength returns the length of the value with which text begins, after its opening quote.
func valueLength(text, quote string) int {
	switch quote {
	case `"`:
		return len(doubleValue.FindString(text))
	case `'`:
		return len(singleValue.FindString(text))
	default:
		return plainEnd.FindStringIndex(text)[0]
	}
}

// maskedURL masks what follows the scheme of a URL.
func maskedURL(value string) string {
	authority := value
	if end := strings.IndexAny(value, `\/?#`); end >= 0 {
		authority = value[:end]
	}
	if strings.Contains(value[len(authority):], "@") { // a password may have a slash
		return hide(value)
	}
	user := strings.LastIndex(authority, "@") + 1
	shown := user + len(hostAndPort.FindString(authority[user:]))
	if strings.HasPrefix(value[shown:], "/") {
		shown++
	}
	return hide(value[:user]) + value[user:shown] + hide(value[shown:])
}

// maskedPath masks what is not the absolute path of a file.
func maskedPath(value string) string {
	if strings.HasPrefix(value, "/") {
		return value
	}
	return hide(value)
}

func hide(text string) string { return hidden.ReplaceAllString(text, "*") }
