package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// pagePatience is how long a page may take to send something.
const pagePatience = time.Minute

// streamed reads the stream of a page until a message of a kind holds all texts,
// and returns its data.
func streamed(tb testing.TB, address, event string, texts ...string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), pagePatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/stream", http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var all strings.Builder
	lines := bufio.NewReader(response.Body)
	for kind := ""; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			tb.Fatalf("the page sends no %s with %q: %v, after\n%s", event, texts, err, &all)
		}
		all.WriteString(line)
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case key == "event":
			kind = value
		case key == "data" && kind == event && hasAll(value, texts):
			return value
		}
	}
}

func hasAll(s string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(s, text) {
			return false
		}
	}
	return true
}

// TestThePageOfEachReplica opens the pages of a leader and of a standby. The
// leader's shows Events, the standby's says who leads, and the port of the metrics
// has neither.
func TestThePageOfEachReplica(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "page")
	p.kubeconfig = plane.Kubeconfig()
	flags := append(p.flags(acceptPods), "--listen", "127.0.0.1:0", "--ui-listen", "127.0.0.1:0",
		"--leader-elect", "--leader-elect-lease", p.builds+"/gateway")
	pageOf := func(d *daemon.Daemon) string {
		return d.Wait("the page's address", func(r daemon.Record) bool { return r.Message() == "serving the page" }).String("address")
	}
	leader := daemon.Start(t, flags...)
	leader.Ready()
	page := pageOf(leader)
	var status struct{ Replica string }
	if err := json.Unmarshal([]byte(streamed(t, page, "status", `"role":"leading"`)), &status); err != nil || status.Replica == "" {
		t.Fatalf("replica %q, %v", status.Replica, err)
	}
	standby := daemon.Start(t, flags...)
	streamed(t, pageOf(standby), "status", `"role":"standing by"`, fmt.Sprintf(`"leader":%q`, status.Replica))

	p.occur(p.newEvent("web-0", "Pod", "BackOff"))
	streamed(t, page, "events", `"verdict":"accept"`, `"name":"object-of-web-0"`)
	streamed(t, page, "status", `"event":"`+p.watched+`/web-0"`, `"command":"brig build logs `)

	metrics := leader.Wait("the metrics' address", func(r daemon.Record) bool {
		return r.String("address") != "" && r.Message() != "serving the page"
	}).String("address")
	wantOK(t, metrics, "/metrics")
	for _, path := range []string{"/", "/api/stream", "/assets/main.js"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+metrics+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("the port of the metrics answers %s with %d, want 404", path, response.StatusCode)
		}
	}
}

// TestUINeedsToReadEvents runs `k8s-gateway ui` with an account that may only list
// and watch Events.
func TestUINeedsToReadEvents(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "reader")
	name := "reader-" + p.watched
	meta, options := metav1.ObjectMeta{Name: name}, metav1.CreateOptions{}
	_, err := plane.Client().CoreV1().ServiceAccounts(p.builds).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, options)
	_, roleErr := plane.Client().RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"list", "watch"}}},
	}, options)
	_, bindingErr := plane.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: p.builds}},
	}, options)
	kubeconfig, tokenErr := plane.ServiceAccountKubeconfig(t.Context(), p.builds, name)
	if err := errors.Join(err, roleErr, bindingErr, tokenErr); err != nil {
		t.Fatal(err)
	}
	binary, err := controlplane.Binary("k8s-gateway")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	program := exec.CommandContext(t.Context(), binary, "ui", "--kubeconfig", kubeconfig, "--namespace", p.watched, "--config", write(t, "filters.yaml", acceptPods))
	program.Stderr = &log
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "Page: http://"), "/")
	if err != nil || !strings.HasPrefix(address, "127.0.0.1:") {
		t.Fatalf("it prints %q, %v", line, err)
	}
	p.occur(p.newEvent("web-0", "Pod", "BackOff"), p.newEvent("node", "Node", "Rebooted"))
	streamed(t, address, "events", `"verdict":"accept","by":"filters[0]"`, `"name":"object-of-web-0"`)
	streamed(t, address, "state", `"state":"following"`)
	_ = program.Process.Kill()
	_ = program.Wait()
	if log.Len() > 0 {
		t.Errorf("it logs %s", &log)
	}
	p.wantBuilds()
}
