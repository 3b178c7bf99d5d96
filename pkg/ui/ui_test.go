package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// pods accepts the pods of pequod.
const pods = `project: deis/empty-testbed
filters:
  - kind: Pod
    reasons: [Killing]
    action: reject
  - kind: Pod
    namespace: pequod
    action: accept
`

// noon is when the Events of the tests occur.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newTestUI returns a UI with a list that decides.
func newTestUI(t testing.TB) *UI {
	t.Helper()
	u := New(Options{Where: "a test", Log: slog.New(slog.DiscardHandler)})
	u.requests.SetBurst(1 << 20)
	c, err := config.Parse("filters.yaml", []byte(pods))
	if err != nil {
		t.Fatal(err)
	}
	u.SetList(List{Name: "filters.yaml", Text: pods, Config: c})
	return u
}

// newEvent returns the Event number i about a pod.
func newEvent(i int, namespace, name, reason string) *corev1.Event {
	at := metav1.NewTime(noon.Add(time.Duration(i) * time.Second))
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: fmt.Sprintf("%s.%x", name, i), UID: types.UID(fmt.Sprintf("uid-%d", i)),
			ResourceVersion: fmt.Sprint(i), CreationTimestamp: at,
		},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: name},
		Reason:         reason, Type: corev1.EventTypeNormal, Message: "what happened",
		Source: corev1.EventSource{Component: "kubelet"}, FirstTimestamp: at, LastTimestamp: at, Count: 1,
	}
}

// see has u decide about an Event and take it.
func see(u *UI, events ...*corev1.Event) {
	for _, e := range events {
		u.Seen(e, u.Decide(e))
	}
}

// post sends a list to the page, and returns the status and the body.
func post(t testing.TB, u *UI, path, list string) (status int, body string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(list))
	r.Host = "127.0.0.1:8081"
	r.Header.Set("Content-Type", listType)
	w := httptest.NewRecorder()
	u.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// postFor sends a list and decodes the answer.
func postFor[T any](t testing.TB, u *UI, path, list string) T {
	t.Helper()
	var out T
	status, body := post(t, u, path, list)
	if status != http.StatusOK {
		t.Fatalf("POST %s: %d %s", path, status, body)
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHandlerRefusesWhatItCannotAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		method, path, contentType, body string
		status                          int
		answer                          string
	}{
		"a list without its content type": {
			http.MethodPost, "/api/evaluate", "text/plain", pods, http.StatusUnsupportedMediaType,
			"The body must be a filter list with Content-Type application/yaml.",
		},
		"a list larger than a ConfigMap": {
			http.MethodPost, "/api/evaluate", listType, strings.Repeat("#", config.MaxSize+1), http.StatusRequestEntityTooLarge,
			"The list has more than 1048576 bytes, which is what a ConfigMap holds.",
		},
		"an Event that is not a number": {
			http.MethodPost, "/api/explain?event=x", listType, pods, http.StatusBadRequest, "event must be the number of an Event.",
		},
		"an Event that is not held": {
			http.MethodPost, "/api/explain?event=99", listType, pods, http.StatusNotFound,
			"This Event is not held any more: newer ones took its place.",
		},
		"a filter that neither accepts nor rejects": {
			http.MethodPost, "/api/suggest?event=1&action=delete", listType, pods, http.StatusBadRequest, "action must be accept or reject.",
		},
		"a filter for a list with faults": {
			http.MethodPost, "/api/suggest?event=1&action=accept", listType, "filters: 7", http.StatusConflict,
			"The list has faults; correct them first, then add a filter.",
		},
		"taking away a list with faults": {
			http.MethodPost, "/api/export?as=helm", listType, "filters: 7", http.StatusConflict, "The list has faults; correct them first.",
		},
		"taking away a list as something else": {
			http.MethodPost, "/api/export?as=pdf", listType, pods, http.StatusBadRequest, "as must be file, helm or test.",
		},
		"evaluating with GET":             {http.MethodGet, "/api/evaluate", "", "", http.StatusMethodNotAllowed, "Method Not Allowed"},
		"a file that the page has not":    {http.MethodGet, "/assets/secret", "", "", http.StatusNotFound, "404 page not found"},
		"a file outside of the page":      {http.MethodGet, "/assets/..%2fui.go", "", "", http.StatusNotFound, "404 page not found"},
		"the page without its policy":     {http.MethodGet, "/assets/index.html", "", "", http.StatusNotFound, "404 page not found"},
		"a path that there is not":        {http.MethodGet, "/metrics", "", "", http.StatusNotFound, "404 page not found"},
		"an Event of the page by its URL": {http.MethodGet, "/api/explain?event=1", "", "", http.StatusMethodNotAllowed, "Method Not Allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newTestUI(t)
			see(u, newEvent(1, "pequod", "web-0", "BackOff"))
			r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, strings.NewReader(tc.body))
			r.Host = "localhost"
			r.Header.Set("Content-Type", tc.contentType)
			w := httptest.NewRecorder()
			u.Handler().ServeHTTP(w, r)
			if got := strings.TrimSpace(w.Body.String()); w.Code != tc.status || got != tc.answer {
				t.Errorf("%d %q, want %d %q", w.Code, got, tc.status, tc.answer)
			}
		})
	}
}

// Any value is put into the page as text, and placeholders in it are not replaced.
func TestIndexEscapesItsValues(t *testing.T) {
	for name, tc := range map[string]struct {
		status func() Status
		now    string
	}{
		"without a daemon the link to Now is hidden": {nil, `data-to="now" hidden>`},
		"a daemon's page has a link to Now":          {func() Status { return Status{} }, `data-to="now" >`},
	} {
		t.Run(name, func(t *testing.T) {
			u := New(Options{
				Where: `"><script>a'&{{version}}{{now}}`, Version: "</p><script>{{nonce}}", Status: tc.status, Log: slog.New(slog.DiscardHandler),
			})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.Host = "localhost"
			w := httptest.NewRecorder()
			u.Handler().ServeHTTP(w, r)
			page := w.Body.String()
			where := `&#34;&gt;&lt;script&gt;a&#39;&amp;{{version}}{{now}}`
			for _, want := range []string{
				tc.now, `title="` + where + `">` + where + "</p>", "&lt;/p&gt;&lt;script&gt;{{nonce}}</p>",
			} {
				if !strings.Contains(page, want) {
					t.Errorf("the page has no %s:\n%s", want, page)
				}
			}
			nonce, _, _ := strings.Cut(strings.SplitN(page, `name="style-nonce" content="`, 2)[1], `"`)
			if policy := w.Header().Get("Content-Security-Policy"); len(nonce) < 20 || !strings.Contains(policy, "'nonce-"+nonce+"'") {
				t.Errorf("nonce %q, policy %s", nonce, policy)
			}
		})
	}
}

func TestHandlerLimitsHowOftenItIsAsked(t *testing.T) {
	u := newTestUI(t)
	u.now = func() time.Time { return noon }
	u.requests.SetBurst(2)
	u.requests.AllowN(noon, 1<<20)
	var statuses []int
	for range 4 {
		status, _ := post(t, u, "/api/evaluate", pods)
		statuses = append(statuses, status)
	}
	if want := []int{200, 200, 429, 429}; fmt.Sprint(statuses) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", statuses, want)
	}
}

// startServer serves u on a free port until the test ends.
func startServer(t *testing.T, u *UI) (address string) {
	t.Helper()
	l, loopback, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !loopback {
		t.Fatal("127.0.0.1 is not taken for a loopback address")
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return l.Addr().String()
}

// message is one server-sent event.
type message struct{ event, id, data string }

// follow opens a stream, and returns what reads its next message of a kind.
func follow(t *testing.T, address, lastID string) (next func(event string) message, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", lastID)
	response, err := http.DefaultClient.Do(r) //nolint:bodyclose // stop closes it
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	lines := bufio.NewReader(response.Body)
	read := func() (m message) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("reading the stream: %v", err)
			}
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch key {
			case "event":
				m.event = value
			case "id":
				m.id = value
			case "data":
				m.data = value
			case "":
				if m.event != "" {
					return m
				}
			}
		}
	}
	return func(event string) message {
			for {
				if m := read(); m.event == event {
					return m
				}
			}
		}, func() {
			cancel()
			_ = response.Body.Close()
		}
}

// rowsOf decodes the rows of a message.
func rowsOf(t *testing.T, m message) (names []string, all eventsMessage) {
	t.Helper()
	if err := json.Unmarshal([]byte(m.data), &all); err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Rows {
		names = append(names, r.Name)
	}
	return names, all
}

func TestStreamSendsWhatIsHeldAndWhatComes(t *testing.T) {
	u := newTestUI(t)
	see(u, newEvent(1, "pequod", "web-0", "BackOff"), newEvent(2, "ahab", "web-1", "BackOff"))
	address := startServer(t, u)
	next, stop := follow(t, address, "")
	defer stop()

	var state stateMessage
	if err := json.Unmarshal([]byte(next("state").data), &state); err != nil {
		t.Fatal(err)
	}
	if state.Where != "a test" || state.List.Text != pods || !state.List.Runs || state.Source.State != Connecting {
		t.Errorf("state %+v", state)
	}
	first := next("events")
	names, all := rowsOf(t, first)
	if fmt.Sprint(names) != "[web-0 web-1]" || all.Rows[0].Verdict != "accept" || all.Rows[0].By != "filters[1]" || all.Rows[1].Verdict != "reject" {
		t.Errorf("rows %+v", all.Rows)
	}
	see(u, newEvent(3, "pequod", "web-2", "BackOff"))
	if names, _ := rowsOf(t, next("events")); fmt.Sprint(names) != "[web-2]" {
		t.Errorf("then %v, want web-2 alone", names)
	}
	u.SetSource(Source{State: Failed, Err: fmt.Errorf("forbidden")})
	if m := next("state"); !strings.Contains(m.data, `"state":"failed","error":"forbidden"`) {
		t.Errorf("state %s", m.data)
	}

	resumed, stopResumed := follow(t, address, first.id)
	defer stopResumed()
	if names, _ := rowsOf(t, resumed("events")); fmt.Sprint(names) != "[web-2]" {
		t.Errorf("a browser that comes back is sent %v, want web-2 alone", names)
	}
	other, stopOther := follow(t, address, "another-process.1")
	defer stopOther()
	if names, _ := rowsOf(t, other("events")); len(names) != 3 {
		t.Errorf("a browser of an earlier process is sent %v, want all", names)
	}
}

// Rows are encoded once for all browsers that are up to date. One that comes
// later is with them after one batch of its own.
func TestBatchesAreSharedByBrowsers(t *testing.T) {
	u := newTestUI(t)
	at := map[string]int64{}
	advance := func(browser string) *byte {
		t.Helper()
		next, err := u.next(at[browser])
		if err != nil {
			t.Fatal(err)
		}
		names, _ := rowsOf(t, message{data: string(next.data)})
		for i, name := range names {
			if want := fmt.Sprintf("web-%d", at[browser]+int64(i)+1); name != want {
				t.Errorf("%s is sent %s, want %s", browser, name, want)
			}
		}
		if at[browser]+int64(len(names)) != next.to {
			t.Errorf("%s is sent %d rows after Event %d, up to %d", browser, len(names), at[browser], next.to)
		}
		at[browser] = next.to
		return &next.data[0]
	}
	seen := 0
	more := func(n int) {
		for range n {
			seen++
			see(u, newEvent(seen, "pequod", fmt.Sprintf("web-%d", seen), "BackOff"))
		}
	}
	more(3)
	first := advance("first")
	more(2)
	if advance("second") != first || at["second"] != 3 {
		t.Errorf("the second browser has a batch of its own, up to Event %d", at["second"])
	}
	first = advance("first")
	more(2)
	advance("late")
	if at["late"] != 5 {
		t.Errorf("a late browser has Events up to %d, want 5 as the others", at["late"])
	}
	if advance("second") != first {
		t.Error("the second browser has a batch of its own")
	}
	more(maxBatch + 10)
	first = advance("first")
	for _, other := range []string{"second", "late"} {
		if advance(other) != first {
			t.Errorf("the %s browser has a batch of its own", other)
		}
	}
	advance("last")
	for range 3 {
		advance("last")
	}
	if at["last"] != int64(seen) {
		t.Errorf("the last browser has Events up to %d, want %d", at["last"], seen)
	}
}

func TestStreamLimitsHowManyFollow(t *testing.T) {
	u := newTestUI(t)
	if !u.streams.TryAcquire(maxStreams) {
		t.Fatal("streams were taken")
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/stream", http.NoBody)
	r.Host = "localhost"
	u.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || strings.TrimSpace(w.Body.String()) != "16 browsers follow already; close one." {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A browser that opens a stream and never reads from it holds up nothing: Seen
// returns, and so does Run.
func TestSeenDoesNotWaitForABrowserThatDoesNotRead(t *testing.T) {
	u := newTestUI(t)
	address := startServer(t, u)
	next, stop := follow(t, address, "")
	defer stop()
	next("state") // it is being served, and is not read from any more
	long := strings.Repeat("x", 4000)
	for i := range 20_000 {
		e := newEvent(i, "pequod", "web-0", "BackOff")
		e.Message = long
		u.Seen(e, filter.Verdict{})
	}
	if held := u.store.since(0, 0).held; held == 0 || held > DefaultMaxEvents {
		t.Errorf("%d Events held", held)
	}
}

// A browser that does not read loses its stream, and another gets its place.
func TestStreamEndsForABrowserThatDoesNotRead(t *testing.T) {
	u := newTestUI(t)
	u.writeTimeout = 10 * time.Millisecond
	address := startServer(t, u)
	var dialer net.Dialer
	connection, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	fmt.Fprintf(connection, "GET /api/stream HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	first := make([]byte, 1)
	if _, err := connection.Read(first); err != nil { // it is served, and not read from any more
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	free := make(chan error, 1)
	go func() { free <- u.streams.Acquire(ctx, maxStreams) }()
	message := strings.Repeat("x", maxRowMessage)
	for i := 0; ; i++ {
		e := newEvent(i, "pequod", "web-0", "BackOff")
		e.Message = message
		u.Seen(e, filter.Verdict{})
		select {
		case err := <-free:
			if err != nil {
				t.Errorf("its place is not free after %d Events: %v", i, err)
			}
			return
		default:
		}
	}
}

// The lists of requests that wait take 4 MiB at most, whatever their number.
func TestHandlerLimitsTheBytesOfLists(t *testing.T) {
	u := newTestUI(t)
	if !u.lists.TryAcquire(maxListBytes - 10) {
		t.Fatal("lists are received")
	}
	const answer = "The gateway is busy with other lists; try again in a moment.\n"
	if status, body := post(t, u, "/api/evaluate", pods); status != http.StatusServiceUnavailable || body != answer {
		t.Errorf("%d %s", status, body)
	}
	u.lists.Release(maxListBytes - 10)
	if status, body := post(t, u, "/api/evaluate", pods); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if !u.lists.TryAcquire(maxListBytes) {
		t.Error("the room of a list is not given back")
	}
}

// Clients that connect and send nothing take bounded memory.
func TestRunLimitsConnections(t *testing.T) {
	u := newTestUI(t)
	address := startServer(t, u)
	var dialer net.Dialer
	get := func(c net.Conn) error {
		fmt.Fprintf(c, "GET /assets/icon.svg HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		_, err := c.Read(make([]byte, 1))
		return err
	}
	connections := make([]net.Conn, maxConnections+1)
	for i := range connections {
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		connections[i] = c
		if i < maxConnections {
			if err := get(c); err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
		}
	}
	last := connections[maxConnections]
	_ = last.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if err := get(last); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("connection %d: %v, want no answer", maxConnections, err)
	}
	_ = last.SetReadDeadline(noDeadline)
	_ = connections[0].Close()
	if _, err := last.Read(make([]byte, 1)); err != nil {
		t.Errorf("after another connection was closed: %v", err)
	}
}

func TestAnEvaluationEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		time   time.Duration
		leave  bool
		status int
		answer string
	}{
		"when its browser goes": {time: time.Hour, leave: true},
		"when it takes too long": {
			time: time.Millisecond, status: http.StatusServiceUnavailable,
			answer: "The evaluation took too long and was stopped. Expressions cost most: put other conditions beside them.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newTestUI(t)
			u.evaluationTime = tc.time
			began, ended := make(chan struct{}), make(chan struct{})
			server := httptest.NewServer(u.answers(func(ctx context.Context, _ request) (any, error) {
				close(began)
				<-ctx.Done()
				close(ended)
				return nil, ctx.Err()
			}))
			defer server.Close()
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(pods))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", listType)
			if tc.leave {
				go func() {
					<-began
					leave()
				}()
			}
			response, err := http.DefaultClient.Do(r)
			<-ended
			if tc.leave {
				if err == nil {
					_ = response.Body.Close()
					t.Errorf("the answer is %d", response.StatusCode)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, _ := io.ReadAll(response.Body)
			if got := strings.TrimSpace(string(body)); response.StatusCode != tc.status || got != tc.answer {
				t.Errorf("%d %q, want %d %q", response.StatusCode, got, tc.status, tc.answer)
			}
		})
	}
}

// Run does not wait for streams to end by themselves.
func TestRunEndsStreams(t *testing.T) {
	u := newTestUI(t)
	u.stopTimeout = time.Hour
	l, _, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx, l) }()
	next, leave := follow(t, l.Addr().String(), "")
	defer leave()
	next("state")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
