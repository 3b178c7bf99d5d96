package integration

import (
	"net"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

func TestWithoutAFileEveryEventIsLoggedAndNoneIsBuilt(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "observe")
	gateway := daemon.Start(t, "--kubeconfig", p.kubeconfig, "--namespace", p.watched, "--build-namespace", p.builds,
		"--listen", "", "--log-events", "full")
	gateway.Ready()
	e := p.occur(p.newEvent("web-0", "Pod", "BackOff"))[0]
	r := gateway.Wait("the event", daemon.WithMessage("Processing "+p.watched+"/web-0"))
	if got := r.String("verdict") + " by " + r.String("by"); got != "reject by default" {
		t.Errorf("%s, want reject by default", got)
	}
	object, ok := r["event"].(map[string]any)
	if !ok {
		t.Fatalf("no JSON of the event in %v", r)
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok || metadata["uid"] != string(e.UID) || metadata["managedFields"] != nil {
		t.Errorf("metadata %v, want that of the event without managedFields", metadata)
	}
	gateway.Stop()
	p.wantBuilds()
}

func TestSeveralNamespacesAreWatched(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "several")
	second, other := p.watched+"-second", p.watched+"-other"
	for _, namespace := range []string{second, other} {
		if err := plane.CreateNamespace(t.Context(), namespace); err != nil {
			t.Fatal(err)
		}
	}
	flags := append(p.flags(acceptPods), "--namespace", second)
	daemon.Start(t, flags...).Ready()
	var watched []*corev1.Event
	for _, namespace := range []string{p.watched, second, other} {
		e := p.newEvent("web-0", "Pod", "BackOff")
		e.Namespace, e.InvolvedObject.Namespace = namespace, namespace
		e = p.occur(e)[0]
		if namespace != other {
			watched = append(watched, e)
		}
	}
	p.wantBuilds(watched...)
}

func TestTheFirstGatewaysConfigurationRunsUnchanged(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "first-gateway")
	config := write(t, "filters.json", `{"project": "brigade-830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043ac",
	"filters": [{"namespace": "kube-system", "action": "reject"}, {"kind": "Pod", "reasons": ["Killing"], "action": "reject"}, {"action": "accept"}]}`)
	env := []string{"GATEWAY_NAMESPACE=" + p.watched, "GATEWAY_CONFIG=" + config}
	daemon.StartWith(t, env, "--kubeconfig", p.kubeconfig, "--build-namespace", p.builds, "--listen", "").Ready()
	stored := p.occur(p.newEvent("a", "Pod", "Killing"), p.newEvent("b", "Pod", "BackOff"), p.newEvent("c", "Service", "Synced"))
	p.wantBuilds(stored[1:]...)
}

func TestTheGatewayWaitsForAnAPIServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := nobody.Addr().String()
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	gateway := daemon.Start(t, "--master", "http://"+address, "--kubeconfig", plane.Kubeconfig(), "--listen", "")
	r := gateway.Wait("that it cannot reach the server", func(r daemon.Record) bool {
		return r.String("step") == "list Events in all namespaces"
	})
	if !strings.Contains(r.String("err"), "connection refused") || r.String("hint") == "" {
		t.Errorf("record %v, want the cause and what to check", r)
	}
	gateway.Stop()
}

func TestWrongFlagsAreRefusedTogether(t *testing.T) {
	t.Parallel()
	gateway := daemon.Start(t, "--workers", "0", "--log-format", "xml", "--log-events", "some", "--namespace", "A_b")
	if code := gateway.Exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{
		"--workers 0: must be between 1 and 1024",
		`--log-format "xml": must be json or text`,
		`--log-events: unknown choice of events to log "some": must be one of full, summary, accepted, none`,
		`--namespace "A_b": `,
	} {
		if !strings.Contains(gateway.Log(), want) {
			t.Errorf("no %q in:\n%s", want, gateway.Log())
		}
	}
}
