package chart

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// TestInstall installs each value set on a real API server, in a namespace that
// enforces the restricted Pod Security Standard. Nothing runs pods there, so hooks
// are skipped.
func TestInstall(t *testing.T) {
	cp := controlplane.StartForTest(t, controlplane.Options{})
	createNamespaces(t, cp)
	crds := envtest.CRDInstallOptions{Paths: []string{"testdata/crds"}, ErrorIfPathMissing: true}
	if _, err := envtest.InstallCRDs(cp.Config(), crds); err != nil {
		t.Fatal(err)
	}

	sets := valueSets(t)
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		t.Run(name, func(t *testing.T) {
			before := everything(t, cp)
			helm.Must(t, cp.Kubeconfig(), "install", release, helm.Chart, "--no-hooks", "--namespace", namespace, "--values", sets[name])
			deployment := theDeployment(t, cp)

			t.Run("its pods are restricted", func(t *testing.T) { isAdmitted(t, cp, deployment.Spec.Template) })
			if rendered := render(t, "--values", sets[name]); strings.Contains(rendered, "\nkind: Role\n") {
				account := deployment.Spec.Template.Spec.ServiceAccountName
				granted := rights(t, rendered, namespace, account)
				t.Run("its account may do only what is listed", func(t *testing.T) { mayOnly(t, cp, account, granted) })
				t.Run("its account can lead and keep a position", func(t *testing.T) { leads(t, cp, account, deployment.Name) })
				t.Run("an upgrade keeps the position", func(t *testing.T) { upgrades(t, cp, sets[name], deployment.Name) })
			}

			helm.Must(t, cp.Kubeconfig(), "uninstall", release, "--namespace", namespace)
			// The gateway creates its Lease, so Helm does not delete it.
			err := cp.Client().CoordinationV1().Leases(namespace).Delete(t.Context(), deployment.Name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
			if diff := cmp.Diff(before, everything(t, cp)); diff != "" {
				t.Errorf("helm uninstall leaves something (-before +after):\n%s", diff)
			}
		})
	}
}

// isAdmitted fails unless admission allows a pod made from the template. Some value
// sets create no ServiceAccount, and admission requires it to exist, so the pod has
// none.
func isAdmitted(t *testing.T, cp *controlplane.ControlPlane, template corev1.PodTemplateSpec) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name = "admitted"
	pod.Spec.ServiceAccountName = ""
	_, err := cp.Client().CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		t.Error(err)
	}
}

// mayOnly asks the API server about each verb on each resource that could be useful
// with a stolen token, and compares the answers with what the chart grants.
func mayOnly(t *testing.T, cp *controlplane.ControlPlane, account string, granted []string) {
	t.Helper()
	type question struct{ namespace, group, resource, name string }
	var questions []question
	for _, namespace := range []string{"brigade", "pequod", "ahab", "default", "kube-system", ""} {
		for _, resource := range []string{"events", "secrets", "pods", "configmaps", "serviceaccounts", "namespaces", "pods/exec", "serviceaccounts/token"} {
			questions = append(questions, question{namespace, "", resource, ""})
		}
		questions = append(questions,
			question{namespace, "coordination.k8s.io", "leases", ""},
			question{namespace, "apps", "deployments", ""},
			question{namespace, "events.k8s.io", "events", ""},
			question{namespace, "rbac.authorization.k8s.io", "roles", ""},
		)
	}
	// Rights on named objects are queried with the name.
	for _, line := range granted {
		where, what, _ := strings.Cut(line, ": ")
		if words := strings.Fields(what); len(words) == 3 {
			resource, group, _ := strings.Cut(words[1], ".")
			questions = append(questions, question{where, group, resource, words[2]})
		}
	}
	var allowed []string
	for _, q := range questions {
		for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
			if !may(t, cp, account, authorizationv1.ResourceAttributes{
				Namespace: q.namespace, Verb: verb, Group: q.group, Resource: q.resource, Name: q.name,
			}) {
				continue
			}
			where := q.namespace
			if where == "" {
				where = "*"
			}
			resource := q.resource
			if q.group != "" {
				resource += "." + q.group
			}
			allowed = append(allowed, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", where, verb, resource, q.name)))
		}
	}
	// A right in all namespaces is a right in each, and a right without a name
	// is one on every name.
	want := slices.Clone(granted)
	for _, line := range allowed {
		words := strings.Fields(line)
		if len(words) == 4 && slices.Contains(granted, strings.Join(words[:3], " ")) {
			want = append(want, line)
		}
	}
	for _, line := range granted {
		if what, found := strings.CutPrefix(line, "*: "); found {
			for _, namespace := range []string{"brigade", "pequod", "ahab", "default", "kube-system"} {
				want = append(want, namespace+": "+what)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(allowed)
	if diff := cmp.Diff(slices.Compact(want), slices.Compact(allowed)); diff != "" {
		t.Errorf("(-granted +allowed):\n%s", diff)
	}
}

// leads acquires the Lease and stores a position, as the account.
func leads(t *testing.T, cp *controlplane.ControlPlane, account, name string) {
	t.Helper()
	client := impersonate(t, cp, account)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	led := false
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: "somebody"},
		},
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { led = true; cancel() },
			OnStoppedLeading: func() {},
		},
	})
	if !led {
		t.Error("the Lease cannot be created or held")
	}

	store := position.NewStore(client.CoreV1(), namespace, name+"-position")
	if _, err := store.Load(t.Context()); err != nil {
		t.Error(err)
	}
	if err := store.Save(t.Context(), position.Positions{position.AllNamespaces: "4711"}); err != nil {
		t.Error(err)
	}
}

// upgrades changes the filters of a release that has a leader and a position.
func upgrades(t *testing.T, cp *controlplane.ControlPlane, values, name string) {
	t.Helper()
	helm.Must(t, cp.Kubeconfig(), "upgrade", release, helm.Chart, "--no-hooks", "--namespace", namespace, "--values", values,
		"--set", "project=upgraded", "--set-json", `filters=[{"kind":"Job","action":"accept"}]`)

	configMap, err := cp.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err := config.Parse("filters.yaml", []byte(configMap.Data["filters.yaml"])); err != nil || cfg.Project != "upgraded" {
		t.Errorf("after the upgrade the project is %v (%v)", cfg, err)
	}
	stored, err := position.NewStore(cp.Client().CoreV1(), namespace, name+"-position").Load(t.Context())
	if err != nil || stored[position.AllNamespaces] != "4711" {
		t.Errorf("after the upgrade the position is %v (%v)", stored, err)
	}
	lease, err := cp.Client().CoordinationV1().Leases(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil || lease.Spec.LeaseTransitions == nil {
		t.Errorf("after the upgrade the lease is %v (%v)", lease, err)
	}
}
