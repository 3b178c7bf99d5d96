package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// maxRecord is the largest log record of an Event, in bytes: a trimmed Event has
// about 60 KiB, JSON writes six bytes for an invisible one, and text logs quote
// that JSON.
const maxRecord = 1 << 20

// FuzzEventLog logs Events of any content in both formats: the result is one
// record, on one line, without an escape character. FuzzLogger checks that the
// daemon's logger removes the other characters that a terminal may interpret.
func FuzzEventLog(f *testing.F) {
	f.Add([]byte(`{"metadata":{"namespace":"pequod","name":"web-0.17"},"involvedObject":{"kind":"Pod","name":"web-0"},"reason":"BackOff","count":5}`))
	f.Add([]byte(`{"metadata":{"namespace":"a\nb","name":"\u001b[2J"},"involvedObject":{"kind":"\r\n{\"level\":\"INFO\"}"},"message":"\u202e\u2028\u0000"}`))
	f.Add([]byte(`{"source":{"component":"level=INFO msg=forged"},"type":"\"\n","reportingComponent":"\u007f\u009b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := &corev1.Event{}
		if json.Unmarshal(data, e) != nil {
			return
		}
		event.Trim(e)
		for _, choice := range []LogEvents{LogFull, LogSummary, LogAccepted} {
			for name, handler := range map[string]func(io.Writer) slog.Handler{
				"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
				"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
			} {
				var out bytes.Buffer
				events := newEventLog(choice, 0, slog.New(handler(&out)), newMetrics(prometheus.NewRegistry(), "v0", ""), noObserver{})
				events.Seen(t.Context(), e, filter.Verdict{Action: filter.Accept, By: "filters[0]"})
				record, rest, ended := strings.Cut(out.String(), "\n")
				if !ended || rest != "" {
					t.Fatalf("%s: not one line: %q", name, out.String())
				}
				if len(record) > maxRecord {
					t.Errorf("%s: %d bytes", name, len(record))
				}
				if name == "json" && !json.Valid([]byte(record)) {
					t.Errorf("not JSON: %s", record)
				}
				if strings.ContainsFunc(record, func(r rune) bool { return r < ' ' }) {
					t.Errorf("%s: a control character in %q", name, record)
				}
			}
		}
	})
}
