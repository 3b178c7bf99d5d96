package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// SECURITY.md names the tests in this file. A tenant has a namespace, with only the
// right to create Events in it.

// tenant is an account with the right to create Events in one namespace.
type tenant struct {
	tb        testing.TB
	namespace string
	client    kubernetes.Interface
}

// newTenant creates a namespace and the account of its tenant.
func newTenant(tb testing.TB, namespace string) *tenant {
	tb.Helper()
	namespace = plane.UniqueName(namespace)
	if err := plane.CreateNamespace(tb.Context(), namespace); err != nil {
		tb.Fatal(err)
	}
	return tenantOf(tb, namespace)
}

// tenantOf creates the account of a tenant of an existing namespace.
func tenantOf(tb testing.TB, namespace string) *tenant {
	tb.Helper()
	kubeconfig, err := plane.CreateTenant(tb.Context(), namespace, "tenant")
	if err != nil {
		tb.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		tb.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		tb.Fatal(err)
	}
	return &tenant{tb: tb, namespace: namespace, client: client}
}

// writes creates an Event as the tenant.
func (w *tenant) writes(name string, about corev1.ObjectReference, change func(*corev1.Event)) *corev1.Event {
	w.tb.Helper()
	now := metav1.Now()
	e := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, InvolvedObject: about,
		Reason: "BackOff", Message: "the tenant says so", Type: corev1.EventTypeWarning,
		Source: corev1.EventSource{Component: "kubelet"}, FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	if change != nil {
		change(e)
	}
	stored, err := w.client.CoreV1().Events(w.namespace).Create(w.tb.Context(), e, metav1.CreateOptions{})
	if err != nil {
		w.tb.Fatal(err)
	}
	return stored
}

// inSeries makes the API server not compare the namespace of an Event with that of its
// object.
func inSeries(e *corev1.Event) {
	e.EventTime = metav1.NowMicro()
	e.Action, e.ReportingController, e.ReportingInstance = "Forging", "kubelet", "n1"
}

// decided waits until the gateway has decided on the Events of a namespace and
// returns the verdicts, "reject by namespace", by name.
func decided(d *daemon.Daemon, namespace string, names ...string) map[string]string {
	verdicts := map[string]string{}
	for _, name := range names {
		r := d.Wait("the verdict on "+name, daemon.WithMessage("Processing "+namespace+"/"+name))
		verdicts[name] = r.String("verdict") + " by " + r.String("by")
	}
	return verdicts
}

// A tenant creates Events about a Pod of another namespace, through both APIs. Without
// eventTime the API server refuses them.
func TestATenantCannotStartTheBuildsOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "claimed")
	evil := newTenant(t, "evil")
	gateway := daemon.Start(t, append(p.flags(fmt.Sprintf(`
project: deis/empty-testbed
filters:
  - {namespace: %s, action: accept, oncePer: 1h}
`, p.watched)), "--namespace", evil.namespace)...)
	gateway.Ready()

	pod := corev1.ObjectReference{Kind: "Pod", Namespace: p.watched, Name: "object-of-web-0"}
	_, err := evil.client.CoreV1().Events(evil.namespace).Create(t.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "refused"}, InvolvedObject: pod, Reason: "BackOff",
	}, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) {
		t.Errorf("without eventTime: %v, want invalid", err)
	}
	evil.writes("forged", pod, inSeries)
	_, err = evil.client.EventsV1().Events(evil.namespace).Create(t.Context(), &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "forged-too"}, EventTime: metav1.NowMicro(), Regarding: pod,
		Reason: "BackOff", Action: "Forging", Type: corev1.EventTypeWarning, ReportingController: "kubelet", ReportingInstance: "n1",
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, verdict := range decided(gateway, evil.namespace, "forged", "forged-too") {
		if verdict != "reject by namespace" {
			t.Errorf("%s: %s, want reject by namespace", name, verdict)
		}
	}
	// The window of the Pod's own Event is still free.
	p.wantBuilds(p.occur(p.newEvent("web-0", "Pod", "BackOff"))...)
}

// A tenant creates Events about a Node: with its own namespace, which the API server
// allows, and without one, which it does not.
func TestATenantCannotClaimANode(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "node-claimed")
	evil := tenantOf(t, p.watched)
	gateway := daemon.Start(t, append(p.flags(`
project: deis/empty-testbed
filters:
  - {kind: Node, scope: Cluster, reasons: [ClaimedNode], component: kubelet, action: accept}
`), "--namespace", metav1.NamespaceDefault)...)
	gateway.Ready()

	claim := func(e *corev1.Event) { e.Reason = "ClaimedNode" }
	evil.writes("with-its-namespace", corev1.ObjectReference{Kind: "Node", Namespace: evil.namespace, Name: "n1"}, claim)
	if got := decided(gateway, evil.namespace, "with-its-namespace")["with-its-namespace"]; got != "reject by default" {
		t.Errorf("a Node in the tenant's namespace: %s, want reject by default", got)
	}
	for name, change := range map[string]func(*corev1.Event){"an old Event": claim, "a new Event": inSeries} {
		e := &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "no-namespace"}, InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: "n1"}, Reason: "ClaimedNode",
		}
		change(e)
		if _, err := evil.client.CoreV1().Events(evil.namespace).Create(t.Context(), e, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("%s about a Node without a namespace: %v, want invalid", name, err)
		}
	}
	genuine := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, GenerateName: "real-node-"},
		InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: "n1"},
		Reason:         "ClaimedNode", Source: corev1.EventSource{Component: "kubelet"},
		FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(), Count: 1,
	}
	p.wantBuilds(p.occur(genuine)...)
}

// A tenant makes the expression of a rejecting filter fail, with a message that exceeds
// the cost limit and with a missing label.
func TestATenantCannotGetPastAFilterThatRejects(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "past-a-reject")
	evil := tenantOf(t, p.watched)
	gateway := daemon.Start(t, p.flags(`
project: deis/empty-testbed
filters:
  - {reasons: [Costly], expression: 'event.message.split(" ").all(word, word.size() < 900 && word != "canary" && word != "soak" && word != "drill")', action: reject}
  - {reasons: [Unlabeled], expression: 'event.metadata.labels["team"] != "ahab"', action: reject}
  - {action: accept}
`+noLimits)...)
	gateway.Ready()
	pod := corev1.ObjectReference{Kind: "Pod", Namespace: evil.namespace, Name: "web-0"}
	evil.writes("costly", pod, func(e *corev1.Event) { e.Reason, e.Message = "Costly", strings.Repeat("a ", 100_000) })
	evil.writes("unlabeled", pod, func(e *corev1.Event) { e.Reason = "Unlabeled" })
	honest := evil.writes("honest", pod, nil)
	p.wantBuilds(honest)
	for name, by := range map[string]string{"costly": "filters[0]", "unlabeled": "filters[1]"} {
		if got := decided(gateway, evil.namespace, name)[name]; got != "reject by "+by {
			t.Errorf("%s: %s, want reject by %s", name, got, by)
		}
		r := gateway.Wait("that the expression of "+by+" failed", func(r daemon.Record) bool {
			return r.Message() == "expression failed" && r.String("by") == by
		})
		if r.String("outcome") != "event rejected" || r.String("event") != evil.namespace+"/"+name {
			t.Errorf("logged %v", r)
		}
	}
}

// A tenant writes variables that Kubernetes would expand, escape sequences of a
// terminal, and half a megabyte of text.
func TestATenantCannotWriteIntoTheWorkersEnvironment(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "environment")
	evil := tenantOf(t, p.watched)
	daemon.Start(t, p.flags("project: deis/empty-testbed\nfilters: [{action: accept}]\n"+noLimits)...).Ready()
	hostile := "$(BRIGADE_REPO_KEY)\n\x1b[2J\u202e$$(BRIGADE_REPO_AUTH_TOKEN)"
	events := []*corev1.Event{
		evil.writes("hostile", corev1.ObjectReference{Kind: "Pod" + hostile, Namespace: evil.namespace, Name: "web-0" + hostile}, func(e *corev1.Event) {
			e.Reason, e.Message, e.Source.Component = "BackOff"+hostile, hostile, hostile
		}),
		evil.writes("long", corev1.ObjectReference{Kind: strings.Repeat("K", 200_000), Namespace: evil.namespace, Name: "web-0"}, func(e *corev1.Event) {
			e.Reason = strings.Repeat("R", 200_000)
		}),
	}
	for _, secret := range p.wantBuilds(events...) {
		for key, longest := range map[string]int{"event_type": 63 + 1 + 128, "short_title": 100, "long_title": 1200} {
			text := string(secret.Data[key])
			if n := utf8.RuneCountInString(text); n > longest || n == 0 {
				t.Errorf("%s has %d characters, want up to %d", key, n, longest)
			}
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%s has invisible characters: %q", key, text)
			}
		}
		if text := string(secret.Data["event_type"]); strings.Contains(text, "$") || !strings.Contains(text, ":") {
			t.Errorf("event type %q", text)
		}
		var payload corev1.Event
		if err := json.Unmarshal(secret.Data["payload"], &payload); err != nil {
			t.Errorf("the payload is no longer JSON: %v", err)
		}
	}
}

// The loop guard rejects Events about objects that Brigade names after a build, and
// about a Pod that a worker displaces. Events about a workload that a pipeline changes
// are built, as often as oncePer allows.
func TestTheLoopGuardCatchesWhatIsNamedAfterABuildAndNothingElse(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "echoes")
	writer := tenantOf(t, p.watched)
	gateway := daemon.Start(t, p.flags("project: deis/empty-testbed\nfilters: [{action: accept, oncePer: 1h}]\n"+noLimits)...)
	gateway.Ready()
	const id = "01kdyabkw0s6yex28fx1302m8t"
	object := func(kind, name string) corev1.ObjectReference {
		return corev1.ObjectReference{Kind: kind, Namespace: p.watched, Name: name}
	}
	echoes := map[string]corev1.ObjectReference{
		"worker":           object("Pod", "brigade-worker-"+id),
		"build":            object("Secret", "brigade-worker-"+id),
		"build-storage":    object("PersistentVolumeClaim", "brigade-worker-"+id),
		"job":              object("Pod", "run-tests-"+id),
		"job-secret":       object("Secret", "run-tests-"+id),
		"ephemeral-volume": object("PersistentVolumeClaim", "run-tests-"+id+"-scratch"),
		"endpoint":         object("CiliumEndpoint", "brigade-worker-"+id),
	}
	for name, about := range echoes {
		writer.writes(name, about, nil)
	}
	writer.writes("displaced", object("Pod", "web-1"), func(e *corev1.Event) {
		worker := object("Pod", "brigade-worker-"+id)
		e.Related = &worker
	})
	for name := range echoes {
		if got := decided(gateway, p.watched, name)[name]; got != "reject by guard" {
			t.Errorf("%s: %s, want reject by guard", name, got)
		}
	}
	if got := decided(gateway, p.watched, "displaced")["displaced"]; got != "reject by guard" {
		t.Errorf("displaced: %s, want reject by guard", got)
	}
	restarted := writer.writes("restarted-by-a-pipeline", object("Deployment", "web"), nil)
	p.wantBuilds(restarted)
	writer.writes("restarted-by-the-build-of-that", object("Deployment", "web"), nil)
	decided(gateway, p.watched, "restarted-by-the-build-of-that")
	gateway.Stop()
	p.wantBuilds(restarted)
}

// The list in pkg/filter of cluster-scoped kinds is that of the API server.
func TestTheClusterScopedKindsAreThoseOfTheAPIServer(t *testing.T) {
	t.Parallel()
	client, err := discovery.NewDiscoveryClientForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	scopes := map[string]bool{}
	for _, list := range lists {
		group, _, _ := strings.Cut(list.GroupVersion, "/")
		if strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") {
			continue // of a CRD that another test has installed
		}
		for _, resource := range list.APIResources {
			if strings.Contains(resource.Name, "/") || !slices.Contains(resource.Verbs, "list") {
				continue
			}
			scopes[resource.Kind] = resource.Namespaced
		}
	}
	if len(scopes) < 50 {
		t.Fatalf("only %d kinds", len(scopes))
	}
	for kind, namespaced := range scopes {
		if filter.ClusterScoped(kind) == namespaced {
			t.Errorf("ClusterScoped(%s) is %t, and the API server says namespaced: %t", kind, filter.ClusterScoped(kind), namespaced)
		}
	}
}

// The metrics are readable without authentication, so they hold no text of an
// Event.
func TestMetricsHoldNoTextOfAnEvent(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "quiet-metrics")
	const secret = "SomethingThatNobodyElseIsToRead"
	gateway := daemon.Start(t, append(p.flags("project: deis/empty-testbed\nfilters: [{expression: 'event.metadata.labels[\"team\"] == \"\"', action: reject}]\n"),
		"--listen", "127.0.0.1:0")...)
	gateway.Ready()
	address := gateway.Wait("its port", func(r daemon.Record) bool { return r.String("address") != "" }).String("address")
	tenantOf(t, p.watched).writes("quiet", corev1.ObjectReference{Kind: secret, Namespace: p.watched, Name: secret}, func(e *corev1.Event) {
		e.Reason, e.Message, e.Source.Component, e.Annotations = secret, secret, secret, map[string]string{secret: secret}
	})
	decided(gateway, p.watched, "quiet")
	metrics := wantOK(t, address, "/metrics")
	if !strings.Contains(metrics, `brigade_k8s_gateway_expression_faults_total{by="filters[0]"} 1`) {
		t.Errorf("the Event was not counted:\n%s", metrics)
	}
	if strings.Contains(strings.ToLower(metrics), strings.ToLower(secret)) {
		t.Errorf("text of an Event is among the metrics:\n%s", metrics)
	}
}
