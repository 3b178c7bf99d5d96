package install

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestInAllNamespaces is the life of a release that watches all namespaces,
// beside Brigade: installed, upgraded, edited by hand, edited with a fault and
// corrected, taken over by the other replica, and uninstalled.
func TestInAllNamespaces(t *testing.T) {
	t.Parallel()
	watched := newNamespace(t, "pequod")
	p := newProject(t, "melville/whaler")
	r := newRelease(t, "whaler", brigadeNamespace)
	inv := newInventory(t)

	r.install(p.values(`
filters:
  # Fails on every Event without annotations, which the next filter then decides on.
  - kind: Pod
    expression: event.metadata.annotations["example.com/loud"] == "true"
    action: accept
  - kind: Pod
    reasons: [Killing]
    action: reject
  - kind: Pod
    namespace: ` + watched + `
    action: accept
`))
	if available := r.deployment().Status.AvailableReplicas; available != 2 {
		t.Fatalf("%d replicas are available when helm install has ended, want 2", available)
	}
	inv.wantObjects(r, "clusterroles", "clusterrolebindings")
	name, pods := r.deployment().Name, r.pods()

	leader := runPod(t, &pods[0])
	leader.Ready()
	standby := runPod(t, &pods[1])
	standby.Wait("that it stands by", daemon.WithMessage("standing by"))
	for _, c := range []*container{leader, standby} {
		c.probe(c.spec.ReadinessProbe)
		c.probe(c.spec.LivenessProbe)
	}
	leader.wantMetric("leader", 1)
	standby.wantMetric("leader", 0)

	// The account has these rights and no others.
	leader.wantRights(brigadeNamespace,
		"list,watch events",
		"create secrets",
		"create leases.coordination.k8s.io",
		"get,list,watch,update leases.coordination.k8s.io "+name,
		"create configmaps",
		"get,update configmaps "+name+"-position",
		"create,patch events",
	)
	leader.wantRights(watched, "list,watch events")
	leader.wantNoSecrets()

	// Events become builds, and builds workers.
	deploy(t, watched, "ishmael", 2)
	deploy(t, metav1.NamespaceDefault, plane.UniqueName("ashore"), 1) // is accepted by no filter
	p.wantBuilds(occurred(t, 2*len(podReasons), watched, "ishmael", "Pod", podReasons...)...)
	p.wantWorkers()

	// An upgrade with other filters takes effect in the same pods.
	reloads := 0
	reloaded := func() {
		t.Helper()
		reloads++
		leader.sync()
		standby.sync()
		leader.Wait("that it has other filters", afterReloads(reloads, reload))
		standby.Wait("that it has other filters", afterReloads(reloads, reload))
	}
	r.upgrade(p.values(`
filters:
  - kind: ReplicaSet
    namespace: ` + watched + `
    action: accept
`))
	if before, after := podUIDs(pods), podUIDs(r.pods()); !slices.Equal(before, after) {
		t.Errorf("other filters have replaced the pods %v by %v", before, after)
	}
	reloaded()
	deploy(t, watched, "queequeg", 2)
	p.wantBuilds(occurred(t, 2, watched, "queequeg", "ReplicaSet", "SuccessfulCreate")...)

	// So does a ConfigMap that is edited.
	r.edit("kind: ReplicaSet", "kind: Deployment")
	reloaded()
	deploy(t, watched, "tashtego", 2)
	p.wantBuilds(occurred(t, 1, watched, "tashtego", "Deployment", "ScalingReplicaSet")...)

	// A fault is refused and reported; the last good filters stay.
	r.edit("kind: Deployment", "knd: Pod")
	leader.sync()
	standby.sync()
	refusal := leader.Wait("the refusal", daemon.WithMessage("filter file refused, keeping the last good one"))
	if fault := refusal.String("err"); !strings.Contains(fault, "filters[0].knd: unknown key") {
		t.Errorf("the refusal says %q, want the fault's place", fault)
	}
	leader.wantMetric("config_last_reload_successful", 0)
	leader.probe(leader.spec.ReadinessProbe)
	deploy(t, watched, "daggoo", 1)
	p.wantBuilds(occurred(t, 1, watched, "daggoo", "Deployment", "ScalingReplicaSet")...)

	// Corrected, it takes effect.
	r.edit("knd: Pod", "kind: Pod\n    reasons: [Started]")
	reloaded()
	leader.wantMetric("config_last_reload_successful", 1)
	deploy(t, watched, "starbuck", 2)
	p.wantBuilds(occurred(t, 2, watched, "starbuck", "Pod", "Started")...)

	// Helm 4 reverts what was edited by hand if asked to.
	r.upgrade(p.values(`
filters:
  - kind: Pod
    namespace: `+watched+`
    reasons: [Scheduled]
    action: accept
`), "--force-conflicts")
	reloaded()
	deploy(t, watched, "flask", 1)
	p.wantBuilds(occurred(t, 1, watched, "flask", "Pod", "Scheduled")...)

	leader.wantMetric(`builds_total{destination="brigade",outcome="created"}`, len(p.want))
	leader.wantMetric("config_generation", 1+reloads)
	leader.wantDocumentedMetrics()

	// The other replica takes over at the position of the first. It is suspended
	// meanwhile, so that Events occur while neither runs.
	standby.Signal(syscall.SIGSTOP)
	leader.Stop()
	wantNoHolder(t, r.namespace, name)
	stored := storedPosition(t, r.namespace, name+"-position")
	deploy(t, watched, "stubb", 2)
	between := occurred(t, 2, watched, "stubb", "Pod", "Scheduled")
	standby.Signal(syscall.SIGCONT)
	begin := standby.Wait("where it begins", daemon.WithMessage("watching Events from stored position"))
	if at := begin.String("position"); at != stored {
		t.Errorf("the standby begins at %s, want the position that the leader left, %s", at, stored)
	}
	p.wantBuilds(between...)
	standby.wantMetric("leader", 1)
	standby.wantMetric(`builds_total{destination="brigade",outcome="created"}`, len(between))
	standby.probe(standby.spec.ReadinessProbe)
	standby.probe(standby.spec.LivenessProbe)

	// A gateway that runs longer than its release leaves nothing else behind.
	r.uninstall()
	standby.Stop()
	inv.wantNoObjects(r)
	p.wantBuilds()
}

// TestInSomeNamespaces installs the gateway in a separate namespace that enforces the
// restricted Pod Security Standard, for a list of namespaces, and with a cap on active
// builds, which needs one more right.
func TestInSomeNamespaces(t *testing.T) {
	t.Parallel()
	home, other := newNamespace(t, "harbour"), newNamespace(t, "sag-harbor")
	watched := []string{newNamespace(t, "nantucket"), newNamespace(t, "new-bedford")}
	restrict(t, home)
	p := newProject(t, "melville/lookout")
	r := newRelease(t, "lookout", home)
	inv := newInventory(t)

	r.install(p.values(`
buildNamespace: brigade
watch:
  namespaces: [` + strings.Join(watched, ", ") + `]
filters:
  - kind: Pod
    reasons: [Started]
    action: accept
limits:
  activeBuilds: 50
logEvents: accepted
pushDown: true
`))
	inv.wantObjects(r)
	name, pods := r.deployment().Name, r.pods()
	gateway := runPod(t, &pods[0])
	gateway.Ready()
	gateway.probe(gateway.spec.ReadinessProbe)

	for _, namespace := range watched {
		gateway.wantRights(namespace, "list,watch events")
	}
	gateway.wantRights(other)
	gateway.wantRights(brigadeNamespace, "create secrets", "list,watch pods")
	gateway.wantRights(home,
		"create leases.coordination.k8s.io",
		"get,list,watch,update leases.coordination.k8s.io "+name,
		"create configmaps",
		"get,update configmaps "+name+"-position",
		"create,patch events",
	)
	gateway.wantNoSecrets()

	deploy(t, other, "elsewhere", 1)
	occurred(t, 1, other, "elsewhere", "Pod", "Started")
	for _, namespace := range watched {
		deploy(t, namespace, "inn", 2)
		p.wantBuilds(occurred(t, 2, namespace, "inn", "Pod", "Started")...)
	}
	p.wantWorkers()

	gateway.Stop()
	p.wantBuilds()
	r.uninstall()
	inv.wantNoObjects(r)
}

// reload is the gateway's message about a new filter file.
const reload = "filter file loaded"

// afterReloads matches the first record with the message from the nth reload on.
func afterReloads(n int, message string) func(daemon.Record) bool {
	loaded := 0
	return func(r daemon.Record) bool {
		if r.Message() == reload {
			loaded++
		}
		return loaded >= n && r.Message() == message
	}
}
