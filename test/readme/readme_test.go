package readme

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

const (
	repository     = "../.."
	buildNamespace = "brigade"
	project        = "deis/empty-testbed"
	// patience is how long one command may take. It only bounds a test that fails.
	patience = 2 * time.Minute
)

// skipped are the commands that need what a test does not have, by how they
// begin, with what does their work here.
func skipped() map[string]string {
	return map[string]string{
		"make demo":                     "it starts a control plane of its own, as this test does",
		"make test":                     "this test is a part of it",
		"make build":                    "make test has built bin/k8s-gateway",
		"make image ":                   "it needs docker or buildah; CI builds the image with make image-test",
		"docker push ":                  "it needs a registry",
		"helm repo add brigade ":        "it needs the network; the control plane runs Brigade's own controller",
		"helm install brigade brigade/": "it needs the network; the control plane runs Brigade's own controller",
		"helm install events oci://":    "it needs a registry; the chart is installed from the clone",
		"brig project create ":          "it asks questions; the test creates the project as brig does",
	}
}

// shown is what a command prints, by how it begins: each expression is found in
// its output.
func shown() map[string][]string {
	return map[string][]string{
		"kubectl get events --all-namespaces -o json | bin/k8s-gateway explain -": {
			`(?m)^reject  default +pequod/ahab-\S+ +Pod:BackOff +Pod pequod/ahab-`, `(?m)^\d+ Events: 0 accepted, \d+ rejected$`,
		},
		"kubectl get events --all-namespaces -o json | bin/k8s-gateway explain --config": {
			`(?m)^accept  filters\[0\] +pequod/ahab-\S+ +Pod:BackOff +Pod pequod/ahab-`,
			`(?m)^        filters\[0\]: namespace is "brigade", not "pequod"$`,
			`(?m)^\d+ Events: [1-9]\d* accepted, \d+ rejected$`,
		},
		"bin/k8s-gateway test --record": {`^filters_test\.yaml: [1-9]\d* tests from [1-9]\d* Events\n$`},
		"bin/k8s-gateway test filters_test.yaml": {
			`(?m)^  ok    Pod:BackOff in pequod is accepted by filters\[0\]$`, `(?m)^[1-9]\d* tests, 0 failed; 1 of 1 filter decided$`,
		},
		"helm install events charts/brigade-k8s-gateway": {`STATUS: deployed`},
	}
}

// newcomer follows the README in a folder that looks like a fresh clone in
// which make build has run.
type newcomer struct {
	t     *testing.T
	plane *controlplane.ControlPlane
	dir   string
	env   []string
}

func TestTheReadmeWordByWord(t *testing.T) {
	plane := controlplane.StartForTest(t, controlplane.Everything())
	n := &newcomer{t: t, plane: plane, dir: t.TempDir()}
	n.prepare()

	markdown, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, b := range blocks(string(markdown)) {
		switch b.language {
		case "shell":
			for _, c := range b.commands() {
				if n.follow(c) {
					ran++
				}
			}
		case "yaml":
			n.save(b)
		case "javascript":
			n.wantHandlers(b)
		default:
			t.Errorf("README.md:%d: a block of %q, which nobody tries", b.line, b.language)
		}
	}
	if ran < 8 {
		t.Errorf("only %d commands were run", ran)
	}
}

// prepare makes the clone, and a cluster in which something happens.
func (n *newcomer) prepare() {
	n.t.Helper()
	root, err := filepath.Abs(repository)
	n.must(err)
	for _, name := range []string{"bin", "charts", "examples"} {
		n.must(os.Symlink(filepath.Join(root, name), filepath.Join(n.dir, name)))
	}
	n.env = append(os.Environ(), "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"), "KUBECONFIG="+n.plane.Kubeconfig())
	ctx := n.t.Context()
	n.must(n.plane.CreateNamespace(ctx, "pequod"))
	_, err = n.plane.CreateProject(ctx, buildNamespace, project)
	n.must(err)
	_, err = n.plane.Client().CoreV1().Pods("pequod").Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "ahab-0", Labels: map[string]string{controlplane.CrashLoopLabel: "true"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "any"}}},
	}, metav1.CreateOptions{})
	n.must(err)
	controlplane.Eventually(n.t, func(ctx context.Context) error {
		events, err := n.plane.Client().CoreV1().Events("pequod").List(ctx, metav1.ListOptions{FieldSelector: "reason=BackOff"})
		if err == nil && len(events.Items) == 0 {
			err = errors.New("nothing is backed off yet")
		}
		return err
	})
}

// follow does what a command says, and reports whether it was run.
func (n *newcomer) follow(c command) bool {
	for prefix, why := range skipped() {
		if strings.HasPrefix(c.text, prefix) {
			n.t.Logf("README.md:%d: not run, %s: %s", c.line, why, c.text)
			return false
		}
	}
	if strings.HasPrefix(c.text, "bin/k8s-gateway --config ") {
		n.runGateway(c)
		return true
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	out, err := n.shell(ctx, c.text).CombinedOutput()
	if err != nil {
		n.t.Fatalf("README.md:%d: %s\n%v\n%s", c.line, c.text, err, out)
	}
	if c.output != "" && string(out) != c.output {
		n.t.Errorf("README.md:%d: %s prints\n%swant\n%s", c.line, c.text, out, c.output)
	}
	for prefix, wanted := range shown() {
		if c.text != prefix && !strings.HasPrefix(c.text, prefix+" ") {
			continue
		}
		for _, want := range wanted {
			if !regexp.MustCompile(want).Match(out) {
				n.t.Errorf("README.md:%d: %s prints no %s but\n%s", c.line, c.text, want, out)
			}
		}
	}
	return true
}

// shell returns a command of the newcomer's shell. Where a program of a pipe
// fails, so does the command.
func (n *newcomer) shell(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", text)
	cmd.Dir, cmd.Env = n.dir, n.env
	return cmd
}

// runGateway runs the gateway until it has built, has logged what README says
// and has stored its position. Port 8080 of this machine may be taken, so it
// gets a free one.
func (n *newcomer) runGateway(c command) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	var log bytes.Buffer
	gateway := n.shell(ctx, "exec "+c.text+" --listen 127.0.0.1:0")
	gateway.Stderr = &log
	n.must(gateway.Start())
	err := controlplane.Until(ctx, func(ctx context.Context) error {
		secrets, err := n.plane.Client().CoreV1().Secrets(buildNamespace).List(ctx, metav1.ListOptions{LabelSelector: "heritage=brigade,component=build"})
		if err == nil && len(secrets.Items) == 0 {
			err = errors.New("no build yet")
		}
		return err
	})
	n.must(gateway.Process.Signal(syscall.SIGTERM))
	if stopped := gateway.Wait(); err != nil || stopped != nil {
		n.t.Fatalf("README.md:%d: %s\n%v, stopped: %v\n%s", c.line, c.text, err, stopped, log.String())
	}
	record := regexp.MustCompile(`"msg":"Processing pequod/ahab-0\.[^"]+".*"verdict":"accept","by":"filters\[0\]"`)
	if !record.Match(log.Bytes()) {
		n.t.Errorf("README.md:%d: %s logs no %s but\n%s", c.line, c.text, record, log.String())
	}
	if _, err := n.plane.Client().CoreV1().ConfigMaps("brigade").Get(n.t.Context(), "k8s-gateway", metav1.GetOptions{}); err != nil {
		n.t.Errorf("README.md:%d: %s stores no position: %v", c.line, c.text, err)
	}
}

// save writes a block into the file that the paragraph above names, and has it
// checked.
func (n *newcomer) save(b block) {
	n.t.Helper()
	name := "second.yaml"
	if match := regexp.MustCompile("`(\\w+\\.yaml)`").FindStringSubmatch(b.before); match != nil {
		name = match[1]
	}
	n.must(os.WriteFile(filepath.Join(n.dir, name), []byte(b.text), 0o600))
	if out, err := n.shell(n.t.Context(), "bin/k8s-gateway check --strict "+name).CombinedOutput(); err != nil {
		n.t.Errorf("README.md:%d: %v\n%s", b.line, err, out)
	}
}

// wantHandlers wants a build for each event that a script handles.
func (n *newcomer) wantHandlers(b block) {
	n.t.Helper()
	handled := regexp.MustCompile(`events\.on\("([^"]+)"`).FindAllStringSubmatch(b.text, -1)
	if len(handled) == 0 {
		n.t.Errorf("README.md:%d: a script that handles nothing", b.line)
	}
	for _, match := range handled {
		controlplane.Eventually(n.t, func(ctx context.Context) error {
			secrets, err := n.plane.Client().CoreV1().Secrets(buildNamespace).List(ctx, metav1.ListOptions{LabelSelector: "component=build"})
			if err != nil {
				return err
			}
			for i := range secrets.Items {
				if string(secrets.Items[i].Data["event_type"]) == match[1] {
					return nil
				}
			}
			return fmt.Errorf("no build with the event %s", match[1])
		})
	}
}

func (n *newcomer) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}
