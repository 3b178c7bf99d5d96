package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// firstEventEvery is the interval of the Events that show whether the gateway watches.
const firstEventEvery = 500 * time.Millisecond

// startGateway starts the gateway's binary, with only the rights that it needs, and
// returns when it serves its page and reads Events.
func (d *demo) startGateway(ctx context.Context, config string) (*controlplane.Process, error) {
	binary, err := controlplane.Binary("k8s-gateway")
	if err != nil {
		return nil, err
	}
	kubeconfig, err := d.cp.CreateGatewayAccount(ctx, buildNamespace, gatewayAccount)
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	lines := newLog(d.screen)
	go lines.follow(reader)
	process, err := d.cp.Run(controlplane.Program{
		Name: "k8s-gateway",
		Path: binary,
		Args: []string{
			"--config=" + config,
			"--build-namespace=" + buildNamespace,
			"--kubeconfig=" + kubeconfig,
			"--log-format=json",
			"--log-events=summary",
			"--listen=", // its port may be in use on this machine
			"--ui-listen=127.0.0.1:0",
		},
		Output: writer,
	})
	if err != nil {
		return nil, err
	}
	// It skips Events from before it watches, so the demo waits until it watches.
	for i := 0; ; i++ {
		name, err := d.createFirstEvent(ctx, i)
		if err != nil {
			return nil, err
		}
		select {
		case <-lines.seen(metav1.NamespaceDefault + "/" + name):
			return process, nil
		case <-process.Done():
			return nil, process.Err()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(firstEventEvery):
		}
	}
}

// createFirstEvent creates an Event about the demo itself that no filter accepts.
func (d *demo) createFirstEvent(ctx context.Context, i int) (name string, err error) {
	name = fmt.Sprintf("demo.%d", i)
	now := metav1.Now()
	_, err = d.client.CoreV1().Events(metav1.NamespaceDefault).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name},
		InvolvedObject: corev1.ObjectReference{Kind: "Namespace", Name: metav1.NamespaceDefault, Namespace: metav1.NamespaceDefault},
		Type:           corev1.EventTypeNormal,
		Reason:         "DemoStarts",
		Message:        "Can the gateway see this?",
		Source:         corev1.EventSource{Component: "demo"},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating the first Event: %w", err)
	}
	return name, nil
}

// record is a line of the gateway's log.
type record struct {
	Level string `json:"level"`
	Msg   string `json:"msg"`
	Err   string `json:"err"`

	Verdict   string `json:"verdict"`
	By        string `json:"by"`
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Reason    string `json:"reason"`
	Count     int    `json:"count"`

	Build string `json:"build"`
	Event string `json:"event"`

	Address string `json:"address"`
}

// processing begins the message of a record about an Event; its key follows.
const processing = "Processing "

// buildCreated is the message of a record about a build.
const buildCreated = "build created"

// event returns the key of the Event that the record is about.
func (r *record) event() (key string, ok bool) {
	return strings.CutPrefix(r.Msg, processing)
}

// logLines reads the gateway's log and shows the important lines. The address of the
// page comes first: Events and builds wait for it.
type logLines struct {
	screen *screen
	served bool     // whether the address was shown
	early  []record // waits for it

	mu      sync.Mutex
	events  map[string]record        // by key, the last of each
	built   map[string]bool          // by key
	waiting map[string]chan struct{} // by key, closed when it has been seen
}

func newLog(s *screen) *logLines {
	return &logLines{screen: s, events: map[string]record{}, built: map[string]bool{}, waiting: map[string]chan struct{}{}}
}

// follow reads to the end of r.
func (l *logLines) follow(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			l.show(line)
		}
		if err != nil {
			l.showEarly()
			return
		}
	}
}

// show shows one line: Events and builds in columns, errors unchanged.
func (l *logLines) show(line []byte) {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		l.screen.printf("k8s-gateway: %s", strings.TrimSpace(string(line)))
		return
	}
	_, isEvent := r.event()
	switch {
	case r.Msg == "serving the page":
		l.screen.block("see it live, and try other filters", []byte("http://"+r.Address+"/"))
		l.showEarly()
	case !isEvent && r.Msg != buildCreated:
		if r.Level == "WARN" || r.Level == "ERROR" {
			l.screen.printf("k8s-gateway: %s", strings.TrimSpace(r.Msg+" "+r.Err))
		}
	case l.served:
		l.showRecord(r)
	default:
		l.early = append(l.early, r)
	}
}

// showEarly shows the lines that waited for the address of the page.
func (l *logLines) showEarly() {
	l.served = true
	for _, r := range l.early {
		l.showRecord(r)
	}
	l.early = nil
}

// showRecord shows a record about an Event or a build.
func (l *logLines) showRecord(r record) {
	if key, ok := r.event(); ok {
		l.screen.event(r, l.note(key, r))
		return
	}
	l.screen.build(r.Build, l.cause(r.Event))
}

// note records an Event, and reports whether it already has a build.
func (l *logLines) note(key string, r record) (built bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.events[key]; !again {
		close(l.waitingFor(key))
	}
	l.events[key] = r
	return l.built[key]
}

// cause returns the Event of a build.
func (l *logLines) cause(key string) record {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.built[key] = true
	return l.events[key]
}

// seen returns a channel that is closed once the log has the Event.
func (l *logLines) seen(key string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waitingFor(key)
}

func (l *logLines) waitingFor(key string) chan struct{} {
	if l.waiting[key] == nil {
		l.waiting[key] = make(chan struct{})
	}
	return l.waiting[key]
}
