package config

import (
	"strings"
	"testing"
)

func TestNoReportShowsTheSecretsOfAURL(t *testing.T) {
	t.Parallel()
	// Every file has faults or warnings on the lines of its secrets, which contain s3cret.
	tests := map[string]string{
		"a user and a password":               `url: "https://s3cret:s3cret@example.com/"`,
		"a password with a slash":             `url: "https://user:s3cret/s3cret@example.com/"`,
		"a password with an at sign":          `url: "https://user:s3cret@s3cret@example.com/"`,
		"a password that looks like a port":   `url: "https://s3cret:1/s3cret@example.com/"`,
		"a token as user":                     `url: https://s3cret@example.com`,
		"a token in the path":                 `url: ftp://example.com/services/s3cret`,
		"a token in the query":                `url: ftp://example.com/?token=s3cret`,
		"a token in the fragment":             `url: https://example.com/#s3cret`,
		"without slashes":                     `url: https:s3cret`,
		"without a scheme":                    `url: example.com/services/s3cret?token=s3cret`,
		"without a scheme, with a user":       `url: user:s3cret@example.com/`,
		"single quotes":                       `url: 'ftp://example.com/?a="s3cret"&b=s3cret'`,
		"double quotes inside":                `url: "ftp://example.com/?a=\"s3cret\"&b=s3cret"`,
		"escaped slashes":                     `url: "ftp:\/\/example.com\/?token=s3cret"`,
		"a space in it":                       `url: ftp://example.com/?token=a s3cret`,
		"braces in it":                        `url: ftp://example.com/{id}/s3cret`,
		"no port":                             `url: https://example.com:s3cret/`,
		"a port out of range":                 `url: https://example.com:99999999/s3cret`,
		"an invalid escape":                   `url: https://example.com/%zz?token=s3cret`,
		"a control character":                 "url: \"https://example.com/\\x01s3cret\"",
		"upper case":                          `url: FTP://example.com/s3cret`,
		"one that is not trusted":             `url: http://example.com/s3cret, caFile: /ca.crt`,
		"one without encryption":              `url: http://example.com/s3cret, tokenFile: /token`,
		"an address of a metadata service":    `url: http://169.254.169.254/s3cret`,
		"an address in brackets":              `url: "http://[fe80::1]/s3cret"`,
		"a fault beside it":                   `url: https://example.com/s3cret, timeout: 1h`,
		"under another key":                   `uri: https://example.com/s3cret`,
		"as a key":                            `"https://example.com/s3cret": true`,
		"in a list":                           `url: [https://example.com/s3cret]`,
		"without a space":                     `url:https://example.com/s3cret`,
		"without the end of its quotes":       `url: "https://example.com/s3cret`,
		"a template":                          `url: "https://{{ .Values.host }}/s3cret"`,
		"a token instead of a file's path":    `url: https://example.com, tokenFile: s3cret`,
		"a header instead of a file's path":   `url: https://example.com, headersFile: "Authorization: Bearer s3cret"`,
		"a password instead of a file's path": `url: https://example.com, 'keyFile': 's3cret'`,
	}
	for name, settings := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			block := strings.ReplaceAll(settings, ", ", "\n      ")
			for form, file := range map[string]string{
				"flow":  "destinations:\n  - {name: sea, cloudEvents: {" + settings + "}}\nfilters:\n  - {action: accept, destination: sea}\n",
				"block": "destinations:\n  - name: sea\n    cloudEvents:\n      " + block + "\nfilters:\n  - {action: accept, destination: sea}\n",
			} {
				said := report("filters.yaml", []byte(file))
				if strings.Contains(said, "s3cret") || !strings.Contains(said, "filters.yaml:") {
					t.Errorf("the report of the %s form:\n%s", form, said)
				}
			}
		})
	}
}

func TestWhatIsMaskedInALine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ line, want string }{
		"a host and a port":        {`url: https://example.com:8080`, `url: https://example.com:8080`},
		"a path":                   {`url: https://example.com/a/b`, `url: https://example.com/***`},
		"a user":                   {`url: https://u:p@example.com/`, `url: https://***@example.com/`},
		"an address":               {`url: "http://[fe80::1]:80/a"`, `url: "http://[fe80::1]:80/*"`},
		"a flow":                   {`- {url: https://example.com/a, mode: binary}`, `- {url: https://example.com/*, mode: binary}`},
		"the end of a flow":        {`- {cloudEvents: {url: https://example.com/a}}`, `- {cloudEvents: {url: https://example.com/*}}`},
		"two":                      {`["http://a/b", "http://c/d"]`, `["http://a/*", "http://c/*"]`},
		"a comment":                {`url: http://a/b # the receiver`, `url: http://a/* # the receiver`},
		"the caret stays in place": {`url: "http://ä/ö", mode: x`, `url: "http://ä/*", mode: x`},
		"a value without a scheme": {`"url": "a.b/c"`, `"url": "a.b/*"`},
		"the path of a file":       {`tokenFile: /etc/destinations/a/token`, `tokenFile: /etc/destinations/a/token`},
		"the content of a file":    {`{tokenFile: abc, mode: x}`, `{tokenFile: ***, mode: x}`},
		"no URL":                   {`reasons: [BackOff, "a: b"]`, `reasons: [BackOff, "a: b"]`},
		"an example":               {`write for example https://receiver.example.com`, `write for example https://receiver.example.com`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := masked(tc.line); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
