package eventinput

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestLogsInADumpAreEmptyLines(t *testing.T) {
	const begin, end = "==== START logs for container c of pod ns/p ====\n", "==== END logs for container c of pod ns/p ====\n"
	for name, test := range map[string]struct {
		input, want string
	}{
		"text without logs stays as it is":              {"{\n}\n====\n==== STAR\n", "{\n}\n====\n==== STAR\n"},
		"a log is left out, and its lines are kept":     {"{}\n" + begin + "one\ntwo\n" + end + "{}", "{}\n\n\n\n\n{}"},
		"a log may be empty":                            {begin + end + "{}", "\n\n{}"},
		"a log may lack its last line break":            {begin + "one" + end + "{}", "\n\n{}"},
		"another container's end does not end it":       {begin + "==== END logs for container d of pod ns/p ====\none\n" + end + "{}", "\n\n\n\n{}"},
		"a beginning inside a line is none":             {" " + begin + "{}", " " + begin + "{}"},
		"a beginning without its line break is text":    {strings.TrimSuffix(begin, "\n"), strings.TrimSuffix(begin, "\n")},
		"a beginning of more than any name is text":     {logsBegin + strings.Repeat("c", maxLogsName) + "\n{}", logsBegin + strings.Repeat("c", maxLogsName) + "\n{}"},
		"a long line in a log is left out":              {begin + strings.Repeat("long ", 10_000) + end + "{}", "\n\n{}"},
		"Windows ends lines with two characters":        {strings.ReplaceAll(begin+"one\n"+end, "\n", "\r\n") + "{}", "\n\n\n{}"},
		"a log that does not end hides what follows it": {begin + "one\n{}", "\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			for way, r := range map[string]io.Reader{
				"at once":      withoutLogs(strings.NewReader(test.input)),
				"byte by byte": iotest.OneByteReader(withoutLogs(iotest.OneByteReader(strings.NewReader(test.input)))),
			} {
				got, err := io.ReadAll(r)
				if err != nil {
					t.Errorf("%s: %v", way, err)
				}
				if diff := cmp.Diff(test.want, string(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", way, diff)
				}
			}
		})
	}
}
