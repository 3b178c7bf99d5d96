package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// startUI runs the command until the test ends, and returns the address it
// prints.
func startUI(t *testing.T, stdin io.Reader, args ...string) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	cmd := newRootCommand()
	cmd.SetArgs(append([]string{"ui"}, args...))
	cmd.SetIn(stdin)
	cmd.SetOut(in)
	cmd.SetErr(io.Discard)
	done := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		_ = in.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("ui: %v", err)
		}
	})
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "Page: ")
	if !ok {
		t.Fatalf("it prints %q first", line)
	}
	return address
}

// readStream reads the page's stream until it holds a text.
func readStream(t *testing.T, address, until string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"api/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var seen strings.Builder
	lines := bufio.NewReader(response.Body)
	for !strings.Contains(seen.String(), until) {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%v, after %s", err, &seen)
		}
		seen.WriteString(line)
	}
	return seen.String()
}

func TestUIShowsWhatKubectlPrinted(t *testing.T) {
	events, err := os.ReadFile("../../pkg/eventinput/testdata/list.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		stdin io.Reader
		args  []string
	}{
		"in a file":         {nil, []string{"../../pkg/eventinput/testdata/list.json"}},
		"on standard input": {bytes.NewReader(events), []string{"-"}},
	} {
		t.Run(name, func(t *testing.T) {
			address := startUI(t, tc.stdin, append([]string{"--config", "../../pkg/explain/testdata/filters.yaml"}, tc.args...)...)
			seen := readStream(t, address, `"state":"ended"`)
			for !strings.Contains(seen, `"verdict":"accept"`) {
				seen += readStream(t, address, `"verdict":"accept"`)
			}
		})
	}
}

func TestUIShowsAListWithFaults(t *testing.T) {
	list := filepath.Join(t.TempDir(), "filters.yaml")
	if err := os.WriteFile(list, []byte("filters: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := startUI(t, nil, "--config", list, "../../pkg/eventinput/testdata/list.json")
	readStream(t, address, `"text":"filters: 7\n","runs":false`)
	if err := os.WriteFile(list, []byte("project: a/b\nfilters: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	readStream(t, address, `"text":"project: a/b\nfilters: []\n","runs":true`)
}

func TestUISaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a list that is not there": {
			[]string{"--config", "nowhere.yaml", "events.json"}, "reading the filter file: open nowhere.yaml: no such file or directory",
		},
		"a namespace that cannot be": {[]string{"--namespace", "No", "events.json"}, `--namespace "No": a lowercase RFC 1123 label`},
		"an address that cannot be":  {[]string{"--listen", "nowhere:x", "events.json"}, "listening for the page: "},
		"no cluster":                 {[]string{"--kubeconfig", "nowhere"}, ", or name files with Events that kubectl printed"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := newRootCommand()
			cmd.SetArgs(append([]string{"ui"}, tc.args...))
			cmd.SetErr(io.Discard)
			err := cmd.ExecuteContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// A page that other machines can reach is a warning.
func TestUIWarnsWhereOthersReachIt(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		t.Run(address, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			stop()
			var stderr bytes.Buffer
			if err := runUI(ctx, &uiFlags{listen: address}, []string{"../../pkg/eventinput/testdata/list.json"}, nil, io.Discard, &stderr); err != nil {
				t.Fatal(err)
			}
			const warning = "the page can be reached from other machines: anyone who reaches it sees every Event"
			if got := strings.Contains(stderr.String(), warning); got != want {
				t.Errorf("warned is %v, want %v:\n%s", got, want, stderr.String())
			}
		})
	}
}
