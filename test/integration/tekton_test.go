package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestTektonCreatesOneTaskRunForEachMessage sends Events, as examples/tekton.yaml says, to
// the event listener of Tekton Triggers, which has what is in examples/tekton. A gateway
// that is killed and reads all Events again repeats the messages.
func TestTektonCreatesOneTaskRunForEachMessage(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "tekton")
	l := startEventListener(t, p.builds, "object-of-"+p.watched+"-node-")
	const inCluster = "http://el-k8s-events.default.svc.cluster.local:8080"
	file := write(t, "filters.yaml", strings.Replace(readFile(t, "../../examples/tekton.yaml"), inCluster, l.url, 1))
	// Events about nodes are in namespace default.
	flags := append(p.flagsOf(file), "--namespace", "default", "--listen", "127.0.0.1:0")
	g := daemon.Start(t, flags...)
	g.Ready()

	want := map[string]string{}
	var events []*corev1.Event
	for i := range 3 {
		e := p.newEvent(fmt.Sprintf("%s-node-%d", p.watched, i), "Node", "NodeNotReady")
		e.Namespace, e.InvolvedObject.Namespace = "default", ""
		events = append(events, e)
	}
	rejected := p.newEvent(p.watched+"-node-ready", "Node", "NodeReady")
	rejected.Namespace, rejected.InvolvedObject.Namespace = "default", ""
	for _, e := range p.occur(append(events, rejected)...)[:len(events)] {
		id := identity.Of(identity.TargetOf("tekton", ""), e, filter.OncePer{Window: 10 * time.Minute})
		want["look-at-node-"+id] = e.InvolvedObject.Name + " " + e.Reason
	}
	l.awaitTaskRuns(want)
	created := l.taskRuns()

	g.Kill()
	g = daemon.Start(t, append(flags, "--replay-existing")...)
	g.AwaitMetrics(func(m daemon.Metrics) error {
		if sent := m.Of("builds_total", `destination="tekton"`, `outcome="sent"`); sent < float64(len(want)) {
			return fmt.Errorf("%g messages were sent again, want %d", sent, len(want))
		}
		return nil
	})
	for name := range want {
		controlplane.Eventually(t, func(context.Context) error {
			if !l.logged(`\"` + name + `\" already exists`) {
				return fmt.Errorf("the event listener has not refused to create %s again", name)
			}
			return nil
		})
	}
	l.awaitTaskRuns(want)
	for name, before := range created {
		if now := l.taskRuns()[name]; now.Metadata.UID != before.Metadata.UID {
			t.Errorf("TaskRun %s was created again", name)
		}
	}
	g.Stop()
}

// eventListener is the event listener of Tekton Triggers, in its own process.
type eventListener struct {
	tb        testing.TB
	namespace string
	url       string
	// about begins the names of the nodes that the test is about. The nodes of the control
	// plane may have Events too.
	about string

	mu  sync.Mutex
	log bytes.Buffer
}

// startEventListener installs Tekton's CRDs and roles, and examples/tekton in a namespace,
// and starts the listener. What its webhook, its controller and its interceptors would do
// is not needed.
func startEventListener(tb testing.TB, namespace, about string) *eventListener {
	tb.Helper()
	triggers, pipeline := toolModule(tb, "github.com/tektoncd/triggers"), toolModule(tb, "github.com/tektoncd/pipeline")
	crds, err := filepath.Glob(filepath.Join(triggers, "config", "300-*.yaml"))
	if err != nil || len(crds) < 5 {
		tb.Fatalf("CRDs of Tekton Triggers: %v, error %v", crds, err)
	}
	install := []string{"apply", "--server-side", "-f", filepath.Join(triggers, "config", "200-clusterrole.yaml")}
	for _, crd := range append(crds, filepath.Join(pipeline, "config", "300-crds", "300-taskrun.yaml")) {
		install = append(install, "-f", crd)
	}
	kubectl(tb, install...)
	kubectl(tb, "wait", "--for=condition=Established", "crd", "--all")
	// The listener waits until the interceptors of Tekton have a CA, which their own
	// server writes.
	ca := "clientConfig:\n    caBundle: " + base64.StdEncoding.EncodeToString(plane.Config().CAData) + "\n"
	interceptors := readFile(tb, filepath.Join(triggers, "config", "interceptors", "core-interceptors.yaml"))
	kubectl(tb, "apply", "--server-side", "-f", write(tb, "interceptors.yaml", strings.ReplaceAll(interceptors, "clientConfig:\n", ca)))
	example := strings.ReplaceAll(readFile(tb, "../../examples/tekton/event-listener.yaml"), "namespace: default", "namespace: "+namespace)
	kubectl(tb, "apply", "-n", namespace, "-f", write(tb, "event-listener.yaml", example))

	kubeconfig, err := plane.ServiceAccountKubeconfig(tb.Context(), namespace, "k8s-events")
	if err != nil {
		tb.Fatal(err)
	}
	port := freePort(tb)
	l := &eventListener{tb: tb, namespace: namespace, url: "http://127.0.0.1:" + port, about: about}
	cmd := command(tb, "eventlistenersink", "--kubeconfig", kubeconfig, "--el-name", "k8s-events", "--el-namespace", namespace, "--port", port)
	cmd.Env = append(cmd.Env, "NAMESPACE="+namespace, "NAME=k8s-events", "SYSTEM_NAMESPACE="+namespace, "METRICS_PROMETHEUS_PORT="+freePort(tb))
	cmd.Stdout, cmd.Stderr = l, l
	if err := cmd.Start(); err != nil {
		tb.Fatalf("starting the event listener: %v", err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("log of the event listener:\n%s", l.log.String())
		}
	})
	controlplane.Eventually(tb, l.live)
	return l
}

// Write takes a part of the log.
func (l *eventListener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(b)
}

// logged reports whether the log has a text.
func (l *eventListener) logged(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.log.Bytes(), []byte(text))
}

// live returns nil if the listener serves.
func (l *eventListener) live(ctx context.Context) error {
	_, err := controlplane.Get(ctx, l.url+"/live")
	return err
}

// taskRun is what the test reads of a TaskRun.
type taskRun struct {
	Metadata struct {
		Name, UID string
	}
	Spec struct {
		Params []struct{ Name, Value string }
	}
}

// taskRuns returns the TaskRuns about the test's nodes, by name.
func (l *eventListener) taskRuns() map[string]taskRun {
	l.tb.Helper()
	var list struct{ Items []taskRun }
	if err := json.Unmarshal([]byte(kubectl(l.tb, "get", "taskruns.v1.tekton.dev", "-n", l.namespace, "-o", "json")), &list); err != nil {
		l.tb.Fatal(err)
	}
	byName := map[string]taskRun{}
	for _, r := range list.Items {
		if len(r.Spec.Params) > 0 && strings.HasPrefix(r.Spec.Params[0].Value, l.about) {
			byName[r.Metadata.Name] = r
		}
	}
	return byName
}

// awaitTaskRuns waits until there is a TaskRun with each name and the values of its
// params. The test fails if there are others.
func (l *eventListener) awaitTaskRuns(want map[string]string) {
	l.tb.Helper()
	controlplane.Eventually(l.tb, func(context.Context) error {
		got := l.taskRuns()
		for name, values := range want {
			r, found := got[name]
			if !found {
				return fmt.Errorf("no TaskRun %s among %d", name, len(got))
			}
			var params []string
			for _, p := range r.Spec.Params {
				params = append(params, p.Value)
			}
			if text := strings.Join(params, " "); text != values {
				l.tb.Errorf("TaskRun %s has the params %q, want %q", name, text, values)
			}
		}
		if len(got) != len(want) {
			l.tb.Errorf("%d TaskRuns, want %d", len(got), len(want))
		}
		return nil
	})
}

// toolModule returns the folder of a module of hack/tekton in the module cache.
func toolModule(tb testing.TB, module string) string {
	tb.Helper()
	download := exec.CommandContext(tb.Context(), "go", "mod", "download", "-json", module)
	download.Dir = "../../hack/tekton"
	var found struct{ Dir string }
	if err := json.Unmarshal([]byte(output(tb, download)), &found); err != nil {
		tb.Fatal(err)
	}
	return found.Dir
}

// freePort returns a port that was free a moment ago.
func freePort(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// readFile returns the content of a file.
func readFile(tb testing.TB, path string) string {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}
