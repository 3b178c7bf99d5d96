package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// examples is the filter list of the documentation.
const examples = "../../examples/filters.yaml"

// TestExplainSaysWhatTheGatewayDoes has the real controllers create Events for each
// filter of the list, and compares the gateway's verdict on each with explain's.
func TestExplainSaysWhatTheGatewayDoes(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "pequod")
	list, err := os.ReadFile(examples)
	if err != nil {
		t.Fatal(err)
	}
	filters := write(t, "filters.yaml", strings.ReplaceAll(string(list), "pequod", p.watched))
	// Every Event is logged, however many the tests before have left.
	gateway := daemon.Start(t, "--kubeconfig", p.kubeconfig, "--build-namespace", p.builds, "--config", filters,
		"--replay-existing", "--listen", "", "--log-rejected-per-second", "0")
	gateway.Ready()
	p.makeEvents()

	var lines []explained
	controlplane.Eventually(t, func(ctx context.Context) error {
		var err error
		lines, err = p.compareWithExplain(ctx, gateway, filters)
		return err
	})
	for _, line := range lines {
		if line.Verdict == "accept" && (line.Project != brigade.ProjectID("deis/empty-testbed") || !strings.HasPrefix(line.EventType, "Pod:")) {
			t.Errorf("%+v, want project and event type of the build", line)
		}
	}
}

// compareWithExplain compares the gateway's verdict on each Event of the cluster with
// explain's, and returns the latter. Its error names what the gateway has not done
// yet.
func (p *place) compareWithExplain(ctx context.Context, gateway *daemon.Daemon, filters string) ([]explained, error) {
	p.tb.Helper()
	printed := kubectl(p.tb, "get", "events", "-A", "-o", "json")
	lines := explain(p.tb, printed, "--config", filters, "-o", "json", "-")
	text := gatewayPrints(p.tb, printed, "explain", "--config", filters, "--why", "-")
	decided := processed(gateway)
	seenBy, names := map[string]bool{}, map[string]bool{}
	for _, line := range lines {
		verdict := line.Verdict + " by " + line.By
		switch did, ok := decided[line.Event]; {
		case !ok:
			return nil, fmt.Errorf("the gateway has not seen %s yet", line.Event)
		case did != verdict:
			p.tb.Fatalf("%s: the gateway decided %s, explain says %s", line.Event, did, verdict)
		}
		if row := fmt.Sprintf("%-6s  %-10s  %s ", line.Verdict, line.By, line.Event); !strings.Contains(text, row) {
			p.tb.Fatalf("no %q in:\n%s", row, text)
		}
		seenBy[line.By] = true
		if line.BuildID != "" {
			names[brigade.SecretName(line.BuildID)] = true
		}
	}
	for _, by := range []string{"filters[0]", "filters[1]", "filters[2]", "filters[3]", "filters[4]", "guard"} {
		if !seenBy[by] {
			return nil, fmt.Errorf("no event that %s decides on yet", by)
		}
	}
	return lines, p.compareNames(ctx, names)
}

// makeEvents has Events created for each filter of examples, and for the loop guard.
func (p *place) makeEvents() {
	p.tb.Helper()
	client, ctx := plane.Client(), p.tb.Context()
	crew := controlplane.NewDeployment(p.watched, "crew", 1, nil)
	for _, d := range []*appsv1.Deployment{crew, controlplane.NewDeployment(metav1.NamespaceSystem, plane.UniqueName("explained"), 1, nil)} {
		if _, err := client.AppsV1().Deployments(d.Namespace).Create(ctx, d, metav1.CreateOptions{}); err != nil {
			p.tb.Fatal(err)
		}
	}
	worker := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: brigade.SecretName("01kjn0x3s0d4x6w8y1z2a3b4c5")},
		Spec:       crew.Spec.Template.Spec,
	}
	if _, err := client.CoreV1().Pods(p.watched).Create(ctx, worker, metav1.CreateOptions{}); err != nil {
		p.tb.Fatal(err)
	}
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		pods, err := client.CoreV1().Pods(p.watched).List(ctx, metav1.ListOptions{LabelSelector: "app=crew"})
		if err != nil {
			return err
		}
		if len(pods.Items) == 0 || pods.Items[0].Status.Phase != corev1.PodRunning {
			return errors.New("no pod of the deployment runs yet")
		}
		return client.CoreV1().Pods(p.watched).Delete(ctx, pods.Items[0].Name, metav1.DeleteOptions{}) // is killed
	})
}

// processed returns the last verdict on each Event in the gateway's log.
func processed(gateway *daemon.Daemon) map[string]string {
	verdicts := map[string]string{}
	for _, r := range gateway.Records(func(r daemon.Record) bool { return strings.HasPrefix(r.Message(), "Processing ") }) {
		verdicts[strings.TrimPrefix(r.Message(), "Processing ")] = r.String("verdict") + " by " + r.String("by")
	}
	return verdicts
}

// compareNames compares the names of the build Secrets with those wanted.
func (p *place) compareNames(ctx context.Context, want map[string]bool) error {
	secrets, err := p.buildSecrets(ctx)
	if err != nil {
		return err
	}
	got := map[string]bool{}
	for _, secret := range secrets {
		got[secret.Name] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("names by explain (-) and of build secrets (+):\n%s", diff)
	}
	return nil
}

// TestExplainReadsWhateverKubectlPrints has kubectl print the same Events in all
// formats.
func TestExplainReadsWhateverKubectlPrints(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "printed")
	now := metav1.NowMicro()
	_, err := plane.Client().EventsV1().Events(p.watched).Create(t.Context(), &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "newer"}, EventTime: now,
		Regarding: corev1.ObjectReference{Kind: "Pod", Namespace: p.watched, Name: "web-1"},
		Reason:    "Scheduled", Action: "Binding", Type: corev1.EventTypeNormal, Note: "assigned: \"n1\"\n",
		ReportingController: "integration-test", ReportingInstance: "one",
		Series: &eventsv1.EventSeries{Count: 4, LastObservedTime: now},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.occur(p.newEvent("older", "Pod", "BackOff"), p.newEvent("other", "Job", "Completed"))
	config := write(t, "filters.yaml", `
project: deis/empty-testbed
filters:
  - kind: Pod
    component: integration-test
    expression: count == 4 && occurred > timestamp("2026-01-01T00:00:00Z") && event.message.startsWith("assigned")
    action: accept
    oncePer: occurrence
  - kind: Pod
    action: accept
`)
	want := sorted(explain(t, kubectl(t, "get", "events", "-n", p.watched, "-o", "json"), "--config", config, "-o", "json", "-"))
	var by []string
	for _, line := range want {
		by = append(by, line.By)
	}
	if diff := cmp.Diff([]string{"filters[0]", "filters[1]", "default"}, by); diff != "" {
		t.Fatalf("decided by (-want +got):\n%s", diff)
	}
	for name, args := range map[string][]string{
		"a list in YAML":               {"get", "events", "-n", p.watched, "-o", "yaml"},
		"with managed fields":          {"get", "events", "-n", p.watched, "-o", "json", "--show-managed-fields"},
		"of events.k8s.io":             {"get", "events.events.k8s.io", "-n", p.watched, "-o", "json"},
		"of events.k8s.io in YAML":     {"get", "events.events.k8s.io", "-n", p.watched, "-o", "yaml"},
		"by name":                      {"get", "events", "-n", p.watched, "older", "newer", "other", "-o", "json"},
		"as the API server sends it":   {"get", "--raw", "/api/v1/namespaces/" + p.watched + "/events"},
		"the same of events.k8s.io/v1": {"get", "--raw", "/apis/events.k8s.io/v1/namespaces/" + p.watched + "/events"},
	} {
		t.Run(name, func(t *testing.T) {
			got := sorted(explain(t, kubectl(t, args...), "--config", config, "-o", "json", "-"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("explained (-want +got):\n%s", diff)
			}
		})
	}
	// The last one adds an Event: a document of YAML is complete when the next
	// one begins.
	for _, args := range [][]string{
		{"-o", "json"},
		{"-o", "json", "--output-watch-events"},
		{"-o", "yaml", "--output-watch-events"},
	} {
		t.Run("a watch with "+strings.Join(args, " "), func(t *testing.T) {
			watching := start(t, nil, "kubectl", append([]string{"--kubeconfig", plane.Kubeconfig(), "get", "events", "-n", p.watched, "--watch"}, args...)...)
			explaining := start(t, watching.out, "k8s-gateway", "explain", "--config", config, "-o", "json", "-")
			var got []explained
			for len(got) < len(want) {
				if len(got) == len(want)-1 && slices.Contains(args, "yaml") {
					p.occur(p.newEvent("one-more", "Job", "Completed"))
				}
				got = append(got, parse(t, explaining.line()))
			}
			// The end of kubectl, or Ctrl-C where it may still be printing.
			if slices.Contains(args, "yaml") {
				explaining.interrupt()
			} else {
				watching.interrupt()
			}
			if code := explaining.exit(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			watching.interrupt()
			watching.exit()
			if diff := cmp.Diff(want, sorted(got)); diff != "" {
				t.Errorf("explained (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplainFollowsTheClusterUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "followed")
	p.occur(p.newEvent("before", "Pod", "BackOff"))
	live := start(t, nil, "k8s-gateway", "explain", "--kubeconfig", p.kubeconfig, "--namespace", p.watched,
		"--config", write(t, "filters.yaml", acceptPods), "--live")
	for _, name := range []string{"before", "first", "second"} {
		if name != "before" { // which exists
			kind := map[string]string{"first": "Node", "second": "Pod"}[name]
			p.occur(p.newEvent(name, kind, "Started"))
		}
		want := []string{"accept", "filters[0]", p.watched + "/" + name}
		if name == "first" {
			want = []string{"reject", "default", p.watched + "/" + name}
		}
		line := live.line()
		if got := strings.Fields(line); len(got) < 3 || !slices.Equal(got[:3], want) {
			t.Errorf("line %q, want %q", line, want)
		}
	}
	live.interrupt()
	if code := live.exit(); code != 0 {
		t.Errorf("exit code %d after SIGINT, want 0", code)
	}
	rest := live.rest.String()
	for _, want := range []string{"\n3 Events: 2 accepted, 1 rejected\n", "\nBuilds: 2, "} {
		if !strings.Contains(rest, want) {
			t.Errorf("no %q in the summary:\n%s", want, rest)
		}
	}
}

func TestExplainRefusesWhatItCannotExplain(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "unexplained")
	if _, err := plane.Client().CoreV1().ServiceAccounts(p.builds).Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "nobody"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	nobody, err := plane.ServiceAccountKubeconfig(t.Context(), p.builds, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	faulty := write(t, "filters.yaml", "filters:\n  - action: acept\n")
	for name, test := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"pods": {
			kubectl(t, "get", "nodes", "-o", "json"),
			[]string{"--config", examples, "-"},
			"k8s-gateway: stdin:4:9: document 1, items[0]: kind Node of v1; expected Events of v1 or events.k8s.io/v1, or lists of them\n",
		},
		"a table": {
			kubectl(t, "get", "nodes"),
			[]string{"--config", examples, "-"},
			"have kubectl print with -o json or -o yaml\n",
		},
		"a faulty filter file": {
			"",
			[]string{"--config", faulty, "-"},
			faulty + ":2:13: filters[0].action: unknown action \"acept\"; allowed are accept and reject\n",
		},
		"nothing to read": {
			"",
			[]string{"-o", "xml"},
			"k8s-gateway: explain needs Events: name a file, - for standard input, or --live for the cluster's\n" +
				"--output: unknown format \"xml\"; allowed are text and json\n",
		},
		"a cluster that forbids it": {
			"",
			[]string{"--config", examples, "--live", "--kubeconfig", nobody},
			"k8s-gateway: listing Events in all namespaces: events is forbidden: User \"system:serviceaccount:" + p.builds + ":nobody\" cannot list resource",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, "k8s-gateway", append([]string{"explain"}, test.args...)...)
			cmd.Stdin = strings.NewReader(test.stdin)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
				t.Errorf("%v, want exit code 1", err)
			}
			if !strings.Contains(stderr.String(), test.want) {
				t.Errorf("no %q in:\n%s", test.want, stderr.String())
			}
		})
	}
}

// explained is a line of explain -o json.
type explained struct {
	Event     string `json:"event"`
	Verdict   string `json:"verdict"`
	By        string `json:"by"`
	Project   string `json:"project"`
	EventType string `json:"eventType"`
	BuildID   string `json:"buildID"`
}

// explain runs k8s-gateway explain and returns its lines.
func explain(tb testing.TB, stdin string, args ...string) []explained {
	tb.Helper()
	out := gatewayPrints(tb, stdin, append([]string{"explain"}, args...)...)
	var lines []explained
	for line := range strings.Lines(out) {
		lines = append(lines, parse(tb, line))
	}
	return lines
}

func parse(tb testing.TB, line string) explained {
	tb.Helper()
	var e explained
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		tb.Fatalf("%v in %q", err, line)
	}
	return e
}

// sorted sorts by the Events' names.
func sorted(lines []explained) []explained {
	slices.SortFunc(lines, func(a, b explained) int { return strings.Compare(a.Event, b.Event) })
	return lines
}

// kubectl returns the output of kubectl.
func kubectl(tb testing.TB, args ...string) string {
	tb.Helper()
	return output(tb, command(tb, "kubectl", append([]string{"--kubeconfig", plane.Kubeconfig(), "--request-timeout", "1m"}, args...)...))
}

// gatewayPrints returns the output of k8s-gateway.
func gatewayPrints(tb testing.TB, stdin string, args ...string) string {
	tb.Helper()
	cmd := command(tb, "k8s-gateway", args...)
	cmd.Stdin = strings.NewReader(stdin)
	return output(tb, cmd)
}

func output(tb testing.TB, cmd *exec.Cmd) string {
	tb.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%v: %v\n%s", cmd.Args, err, &stderr)
	}
	return string(out)
}

// command returns a command of the repository's bin folder.
func command(tb testing.TB, name string, args ...string) *exec.Cmd {
	tb.Helper()
	path, err := controlplane.Binary(name)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG=", "HOME="+tb.TempDir()) // where kubectl caches
	return cmd
}

// lineReader is a command whose output is read line by line.
type lineReader struct {
	tb    testing.TB
	cmd   *exec.Cmd
	out   io.ReadCloser
	lines *bufio.Reader
	// rest is the unread output when exit was called.
	rest bytes.Buffer
}

// start starts a command that runs until it is interrupted. It is killed with
// the test, or after some minutes.
func start(tb testing.TB, stdin io.Reader, name string, args ...string) *lineReader {
	tb.Helper()
	cmd := command(tb, name, args...)
	cmd.Stdin = stdin
	cmd.Stderr = tb.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	tb.Cleanup(func() {
		timer.Stop()
		_ = cmd.Process.Kill() // if the test has failed
	})
	return &lineReader{tb: tb, cmd: cmd, out: out, lines: bufio.NewReader(out)}
}

// line returns the next line.
func (l *lineReader) line() string {
	l.tb.Helper()
	line, err := l.lines.ReadString('\n')
	if err != nil {
		l.tb.Fatalf("reading from %v: %v", l.cmd.Args, err)
	}
	return line
}

// interrupt sends the signal of Ctrl-C.
func (l *lineReader) interrupt() {
	l.tb.Helper()
	if err := l.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		l.tb.Fatal(err)
	}
}

// exit reads to the end and returns the exit code.
func (l *lineReader) exit() int {
	l.tb.Helper()
	if _, err := l.lines.WriteTo(&l.rest); err != nil {
		l.tb.Fatal(err)
	}
	if err := l.cmd.Wait(); err != nil && l.cmd.ProcessState == nil {
		l.tb.Fatal(err)
	}
	return l.cmd.ProcessState.ExitCode()
}
