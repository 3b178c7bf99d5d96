package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// eventDocument is an Event as pkg/gateway logs it.
type eventDocument struct {
	Reason string
}

// MarshalJSON makes it what a log record shows as JSON.
func (d eventDocument) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"reason": d.Reason})
}

// report is an error of several lines.
type report string

func (r report) Error() string { return string(r) }

func TestTextLog(t *testing.T) {
	tests := map[string]struct {
		log  func(*slog.Logger)
		want string
	}{
		"an Event as the first gateway wrote it": {
			log: func(l *slog.Logger) {
				l.Info("Processing pequod/web.17", "verdict", "accept", "event", eventDocument{Reason: "BackOff"})
			},
			want: "level=INFO msg=\"Processing pequod/web.17\" verdict=accept\nProcessing pequod/web.17: {\"reason\":\"BackOff\"}\n",
		},
		"a report of several lines": {
			log: func(l *slog.Logger) {
				l.Error("filter file refused", "err", report("f.yaml:1:3: knd: unknown key\n  - knd: Pod\n    ^\n"), "file", "f.yaml")
			},
			want: "level=ERROR msg=\"filter file refused\" err=\"f.yaml:1:3: knd: unknown key\" file=f.yaml\n  - knd: Pod\n    ^\n",
		},
		"an attribute of one line": {
			log: func(l *slog.Logger) {
				l.With("component", "client-go").Warn("lost", "err", errors.New("reset"), "n", 3)
			},
			want: "level=WARN msg=lost component=client-go err=reset n=3\n",
		},
		"an error with text of an Event": {
			log: func(l *slog.Logger) {
				l.Warn("expression failed", "err", errors.New("no such key: a\nlevel=INFO msg=forged\x1b[2J\u009b2J"))
			},
			want: "level=WARN msg=\"expression failed\" err=\"no such key: a\"\n  level=INFO msg=forged�[2J�2J\n",
		},
		"text of an Event of several lines": {
			log: func(l *slog.Logger) {
				l.Info("Processing pequod/a\nb", "message", "one\nlevel=INFO msg=forged", "event", eventDocument{Reason: "BackOff"})
			},
			want: "level=INFO msg=\"Processing pequod/a\\nb\" message=\"one\\nlevel=INFO msg=forged\"\n" +
				"Processing pequod/a�b: {\"reason\":\"BackOff\"}\n",
		},
		"less than the level": {
			log: func(l *slog.Logger) { l.Debug("detail") },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
				if len(groups) == 0 && a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}
			test.log(slog.New(newTextHandler(&out, options)))
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogLevel(t *testing.T) {
	if level, err := parseLevel("warn"); err != nil || level != slog.LevelWarn {
		t.Errorf("warn is %v (%v)", level, err)
	}
	if _, err := parseLevel("WARNING"); err == nil || err.Error() != `--log-level "WARNING": must be debug, info, warn or error` {
		t.Errorf("got %v", err)
	}
}

// FuzzLogger logs any text in both forms: what comes out is one record, on one
// line, without a control character, and in JSON the text reads back.
func FuzzLogger(f *testing.F) {
	f.Add("web-0")
	f.Add("\x1b[2J\r\n\x00\x7f\u0085\u009b2J\u2028 level=INFO msg=forged")
	f.Add("{\"level\":\"INFO\"}\\\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []string{logJSON, logText} {
			var out bytes.Buffer
			newLogger(format, &out).Info("Processing "+text, "message", text)
			record, rest, ended := strings.Cut(out.String(), "\n")
			if !ended || rest != "" {
				t.Fatalf("%s: not one line: %q", format, out.String())
			}
			if strings.ContainsFunc(record, unicode.IsControl) {
				t.Errorf("%s: a control character in %q", format, record)
			}
			if format == logText {
				continue
			}
			var got struct{ Message string }
			if err := json.Unmarshal([]byte(record), &got); err != nil {
				t.Fatalf("%v: %s", err, record)
			}
			if utf8.ValidString(text) && got.Message != text {
				t.Errorf("%q reads back as %q", text, got.Message)
			}
		}
	})
}
