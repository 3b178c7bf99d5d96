package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// paced returns a filter file that accepts Events about pods, with limits.
func paced(limits string) string {
	return "project: deis/empty-testbed\nlimits: {" + limits + "}\nfilters: [{kind: Pod, action: accept}]\n"
}

// TestThePaceHoldsWhenWritingWorksAgain has builds wait for a namespace that does not
// exist. Few attempts are made meanwhile, and after it exists no window of any length
// has more builds than the limits allow.
func TestThePaceHoldsWhenWritingWorksAgain(t *testing.T) {
	t.Parallel()
	const (
		waiting, perSecond, burst = 60, 2, 1
		// missing is how long the namespace does not exist, which is the fault. At
		// its end, each build is allowed by the pace.
		missing = 20 * time.Second
		// attempts is the limit of "a dozen a minute", with a margin for the first
		// ones, which follow each other quickly.
		attempts = 40
	)
	p := newPlace(t, "pace-heals")
	p.filter(paced(fmt.Sprintf("buildsPerMinute: %d, burst: %d", perSecond*60, burst)))
	later := p.watched + "-later"
	p.grantSecretsEverywhere()
	g := p.start(listening, "--build-namespace", later)
	g.Ready()
	events := p.podEvents(p.watched, "n", waiting)
	g.AwaitMetric(waiting, "queue_depth")
	<-time.After(missing)
	if tried := g.Metrics().Of("retries_total"); tried > attempts {
		t.Errorf("%g attempts in %s, want no more than %d", tried, missing, attempts)
	}
	p.must(p.plane.CreateNamespace(t.Context(), later))
	g.AwaitMetric(0, "queue_depth")
	made := newLedger(t, p.client, later)
	wantPace(t, made.secrets(), perSecond, burst)
	p.report(waiting, made.compare(named(events...), nil), "")
}

// grantSecretsEverywhere lets the gateway create Secrets in all namespaces, also in
// those that do not exist yet.
func (p *place) grantSecretsEverywhere() {
	p.tb.Helper()
	meta, rbac := metav1.ObjectMeta{Name: p.account + "-secrets"}, p.client.RbacV1()
	_, err := rbac.ClusterRoles().Create(p.tb.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
	}}, metav1.CreateOptions{})
	p.must(err)
	_, err = rbac.ClusterRoleBindings().Create(p.tb.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: p.account, Namespace: p.builds}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
	}, metav1.CreateOptions{})
	p.must(err)
}

// wantPace fails the test if a window of any length has more builds than the burst and
// the pace allow.
func wantPace(t *testing.T, builds []corev1.Secret, perSecond, burst int) {
	t.Helper()
	// Creation times are in whole seconds, so a window may be up to a second longer
	// than measured, and the gateway knows when it sends, but not how long the API
	// server takes. Both are errors of the measurement.
	const coarse = 2
	at := make([]int, len(builds))
	for i := range builds {
		at[i] = int(builds[i].CreationTimestamp.Unix())
	}
	slices.Sort(at)
	for first := range at {
		for last := first; last < len(at); last++ {
			seconds := at[last] - at[first]
			if n, most := last-first+1, burst+perSecond*(seconds+coarse); n > most {
				t.Errorf("%d builds within %d s, want no more than %d", n, seconds, most)
				return
			}
		}
	}
}

// TestAStartDoesNotRefillTheBurst starts a gateway again and again. Only the first one,
// without a stored position, has a full burst.
func TestAStartDoesNotRefillTheBurst(t *testing.T) {
	t.Parallel()
	const burst, starts = 5, 4
	p := newPlace(t, "burst-once")
	p.filter(paced(fmt.Sprintf("buildsPerMinute: 1, burst: %d", burst)))
	began := time.Now()
	for start := range starts {
		g := p.start(listening)
		g.Ready()
		if start == 0 {
			p.podEvents(p.watched, "n", burst*starts)
		}
		// Builds that the limits allow are created at once.
		g.AwaitMetric(1, "held_back", `limit="buildsPerMinute"`)
		g.Stop()
	}
	builds := len(p.ledger.secrets())
	if most := burst + int(time.Since(began).Minutes()); builds < burst || builds > most {
		t.Errorf("%d builds after %d starts, want %d to %d", builds, starts, burst, most)
	}
}
