package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/kubernetes"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// positionName is the name of the position's ConfigMap in each place.
const positionName = "gateway-position"

// leaseName is the name of the Lease in each place.
const leaseName = "gateway"

// unlimited begins a filter file. Its limits are not reached, because they are tested
// elsewhere.
const unlimited = `
project: deis/empty-testbed
limits:
  buildsPerMinute: 1000000
  burst: 1000000
`

// filters is a filter file that decides as accepts does (see writer_test.go).
const filters = unlimited + `
filters:
  - kind: Pod
    reasons: [Killing]
    action: reject
  - kind: Pod
    action: accept
  - kind: Job
    expression: event.count >= 2
    action: accept
`

// place has what belongs to one fault: a namespace whose Events are watched, and one
// for builds and the gateway, whose ServiceAccount has exactly the rights that the
// chart grants.
type place struct {
	tb         testing.TB
	plane      *controlplane.ControlPlane
	client     kubernetes.Interface
	fault      string
	watched    string
	builds     string
	account    string
	kubeconfig string
	filters    string
	dice       *rand.Rand
	ledger     *ledger
	writer     *writer
}

// newPlace creates the namespaces and the account of a fault that does not break the
// shared control plane.
func newPlace(tb testing.TB, fault string) *place {
	tb.Helper()
	return newPlaceOn(tb, shared, fault)
}

// newPlaceOn is newPlace on another control plane.
func newPlaceOn(tb testing.TB, plane *controlplane.ControlPlane, fault string) *place {
	tb.Helper()
	name := plane.UniqueName(fault)
	p := &place{
		tb: tb, plane: plane, client: plane.Client(), fault: fault, watched: name, builds: name + "-builds", account: "gateway-" + name,
		filters: filepath.Join(tb.TempDir(), "filters.yaml"), dice: dice(fault),
	}
	p.filter(filters)
	for _, namespace := range []string{p.watched, p.builds} {
		p.must(p.plane.CreateNamespace(tb.Context(), namespace))
	}
	var err error
	p.kubeconfig, err = p.plane.CreateGatewayAccount(tb.Context(), p.builds, p.account)
	p.must(err)
	p.grantOwn()
	p.ledger = newLedger(tb, p.client, p.builds)
	return p
}

// grantOwn grants the rights to store the position, to hold the Lease and to report on
// the pod, all in the gateway's own namespace. ConfigMap and Lease exist, as the chart
// creates them, and the gateway may create no others.
func (p *place) grantOwn() {
	p.tb.Helper()
	p.createPosition(nil)
	_, err := p.client.CoordinationV1().Leases(p.builds).Create(p.tb.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: leaseName},
	}, metav1.CreateOptions{})
	p.must(err)
	verbs := []string{"get", "update"}
	p.grant("own",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{positionName}, Verbs: verbs},
		rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{leaseName}, Verbs: verbs},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	)
}

// grant grants more rights in the gateway's own namespace.
func (p *place) grant(name string, rules ...rbacv1.PolicyRule) {
	p.tb.Helper()
	meta := metav1.ObjectMeta{Name: p.account + "-" + name}
	rbac := p.client.RbacV1()
	_, err := rbac.Roles(p.builds).Create(p.tb.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	p.must(err)
	_, err = rbac.RoleBindings(p.builds).Create(p.tb.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: p.account, Namespace: p.builds}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
	}, metav1.CreateOptions{})
	p.must(err)
}

// must fails the test on an error of the test itself.
func (p *place) must(err error) {
	p.tb.Helper()
	if err != nil {
		p.tb.Fatal(err)
	}
}

// filter writes the filter file.
func (p *place) filter(content string) {
	p.tb.Helper()
	p.must(os.WriteFile(p.filters, []byte(content), 0o600))
}

// start starts a gateway in this place, with more flags.
func (p *place) start(more ...string) *daemon.Daemon {
	p.tb.Helper()
	return p.startWith(nil, more...)
}

// startWith is start with environment variables.
func (p *place) startWith(env []string, more ...string) *daemon.Daemon {
	p.tb.Helper()
	return daemon.StartWith(p.tb, env, append([]string{
		"--kubeconfig", p.kubeconfig, "--namespace", p.watched, "--build-namespace", p.builds, "--config", p.filters,
		"--position-configmap", positionName, "--log-events", "none", "--listen", "",
	}, more...)...)
}

// begin starts the gateway for the first time, waits until it watches, and starts the
// writer.
func (p *place) begin(more ...string) *daemon.Daemon {
	p.tb.Helper()
	return p.beginWith(nil, more...)
}

// beginWith is begin with environment variables.
func (p *place) beginWith(env []string, more ...string) *daemon.Daemon {
	p.tb.Helper()
	g := p.startWith(env, more...)
	g.Ready()
	p.writer = newWriter(p)
	p.writer.start()
	return g
}

// someMore waits until a random number of Events has been written.
func (p *place) someMore() {
	p.tb.Helper()
	most := 30
	if *roundsFlag > 0 {
		most = 100
	}
	p.writer.await(5 + p.dice.IntN(most-5))
}

// position returns the stored position, or the empty string.
func (p *place) position(ctx context.Context) (string, error) {
	return p.positionOf(ctx, p.watched)
}

// positionOf is position for another watched namespace.
func (p *place) positionOf(ctx context.Context, namespace string) (string, error) {
	stored, err := p.client.CoreV1().ConfigMaps(p.builds).Get(ctx, positionName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return stored.Data["namespace."+namespace], nil
}

// awaitPosition waits until the stored position is at least the given one. From then on
// nothing at or below it is built any more.
func (p *place) awaitPosition(least string) {
	p.tb.Helper()
	p.awaitPositionOf(p.watched, least)
}

// awaitPositionOf is awaitPosition for another watched namespace.
func (p *place) awaitPositionOf(namespace, least string) {
	p.tb.Helper()
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		at, err := p.positionOf(ctx, namespace)
		if err != nil {
			return err
		}
		if !reached(at, least) {
			return fmt.Errorf("the position of namespace %s is %q and not yet %s", namespace, at, least)
		}
		return nil
	})
}

// reached reports whether the position at is least or higher.
func reached(at, least string) bool {
	c, err := resourceversion.CompareResourceVersion(at, least)
	return err == nil && c >= 0
}

// inOrder compares two resourceVersions.
func inOrder(a, b string) int {
	c, err := resourceversion.CompareResourceVersion(a, b)
	if err != nil {
		panic(err)
	}
	return c
}

// finish stops the writer, waits until the gateways have handled everything, stops
// them, and compares Events and builds. details are the end of the line that it
// prints.
func (p *place) finish(details string, gateways ...*daemon.Daemon) {
	p.tb.Helper()
	p.someMore()
	p.writer.stop()
	p.awaitPosition(p.writer.version())
	for _, g := range gateways {
		g.Stop()
	}
	due, events := p.writer.due()
	if len(due) == 0 || len(due) == events {
		p.tb.Errorf("%d of %d events are to be accepted: that shows nothing", len(due), events)
	}
	p.report(events, p.ledger.compare(due, nil), details)
}

// report prints the line of a fault and fails the test if something is wrong.
func (p *place) report(events int, t tally, details string) {
	p.tb.Helper()
	fmt.Fprintf(os.Stdout, "fault=%s events=%d accepted=%d builds=%d missing=%d duplicates=%d%s\n",
		p.fault, events, t.accepted, t.builds, len(t.missing), len(t.duplicates), details)
	if err := t.err(); err != nil {
		p.tb.Error(err)
	}
}

// logged fails the test unless the gateway has logged a record that matches.
func logged(tb testing.TB, g *daemon.Daemon, what string, matches func(daemon.Record) bool) {
	tb.Helper()
	if len(g.Records(matches)) == 0 {
		tb.Errorf("the gateway did not log %s", what)
	}
}

// errNotYet is the error of a condition that is not true yet.
var errNotYet = errors.New("not yet")

// podEvent returns an Event about a pod of the place, which filters accept.
func (p *place) podEvent(name string) *corev1.Event {
	now := metav1.Now()
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: p.watched, Name: name},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: p.watched, Name: "object-of-" + name},
		Reason:         "BackOff",
		Message:        "the test says that BackOff happened",
		Type:           corev1.EventTypeNormal,
		Source:         corev1.EventSource{Component: "fault-test"},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
}

// nodeEvent returns an Event that filters reject.
func (p *place) nodeEvent(name string) *corev1.Event {
	e := p.podEvent(name)
	e.InvolvedObject.Kind = "Node"
	return e
}

// occur creates an Event and returns the stored one.
func (p *place) occur(e *corev1.Event) *corev1.Event {
	p.tb.Helper()
	stored, err := p.client.CoreV1().Events(e.Namespace).Create(p.tb.Context(), e, metav1.CreateOptions{})
	p.must(err)
	return stored
}
