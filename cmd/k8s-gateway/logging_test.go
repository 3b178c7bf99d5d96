package main

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// eventDocument is an Event as pkg/gateway logs it.
type eventDocument struct{}

func (eventDocument) MarshalJSON() ([]byte, error) { return []byte(`{"reason":"BackOff"}`), nil }

func TestTextLog(t *testing.T) {
	tests := map[string]struct {
		log  func(*slog.Logger)
		want string
	}{
		"an Event as the first gateway wrote it": {
			log: func(l *slog.Logger) {
				l.Info("Processing pequod/web.17", "verdict", "accept", "event", eventDocument{})
			},
			want: "level=INFO msg=\"Processing pequod/web.17\" verdict=accept\nProcessing pequod/web.17: {\"reason\":\"BackOff\"}\n",
		},
		"a report of several lines": {
			log: func(l *slog.Logger) {
				l.Error("filter file refused", "err", errors.New("f.yaml:1:3: knd: unknown key\n  - knd: Pod\n    ^\n"), "file", "f.yaml")
			},
			want: "level=ERROR msg=\"filter file refused\" err=\"f.yaml:1:3: knd: unknown key\" file=f.yaml\n  - knd: Pod\n    ^\n",
		},
		"an attribute of one line": {
			log: func(l *slog.Logger) {
				l.With("component", "client-go").Warn("lost", "err", errors.New("reset"), "n", 3)
			},
			want: "level=WARN msg=lost component=client-go err=reset n=3\n",
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
