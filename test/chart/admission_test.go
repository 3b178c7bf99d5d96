package chart

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// aBuild is the ID that forged builds have.
const aBuild = "01kdyabkw0s6yex28fx1302m8t"

// build returns a Secret as the gateway writes it for the project of the
// values, changed by change.
func build(change func(*corev1.Secret)) *corev1.Secret {
	project := brigade.ProjectID("deis/empty-testbed")
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:   "brigade-worker-" + aBuild,
			Labels: map[string]string{"build": aBuild, "component": "build", "heritage": "brigade", "project": project},
		},
		Type: brigade.SecretType,
		StringData: map[string]string{
			"build_id": "brigade-worker-" + aBuild, "build_name": "brigade-worker-" + aBuild, "project_id": project,
			"commit_ref": "refs/heads/master", "event_provider": brigade.Provider, "event_type": "Pod:BackOff", "payload": "{}",
			"clone_url": "", "commit_id": "", "config": "", "log_level": "", "script": "", "short_title": "", "long_title": "",
		},
	}
	if change != nil {
		change(secret)
	}
	return secret
}

// attacks are Secrets that a user of the gateway's token could create, and why
// the policy refuses each.
func attacks() map[string]struct {
	secret *corev1.Secret
	why    string
} {
	set := func(key, value string) *corev1.Secret {
		return build(func(s *corev1.Secret) { s.StringData[key] = value })
	}
	const (
		otherType    = "the gateway creates only Secrets of type brigade.sh/build"
		otherName    = "a build of the gateway is named brigade-worker-<build ID> and has labels to match"
		otherProject = "the project of the build is not in the chart's values, neither in project nor in filters"
		otherBuild   = "a build of the gateway has its own name in build_id and build_name"
		otherRef     = "the commit_ref of the build is not the commitRef of the chart's values"
		ownCode      = "a build of the gateway has no script, config, clone_url, commit_id or log_level, and only the keys of Brigade"
	)
	another := brigade.ProjectID("attacker/project")
	return map[string]struct {
		secret *corev1.Secret
		why    string
	}{
		"a build with a script of its own": {set("script", "require('child_process')"), ownCode},
		"a Brigade project": {
			&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: another, Labels: map[string]string{"app": "brigade", "component": "project", "heritage": "brigade"}},
				Type:       "brigade.sh/project", StringData: map[string]string{"cloneURL": "https://attacker.example/repository.git"},
			},
			otherType,
		},
		"a forged Helm release": {
			&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "sh.helm.release.v1.gw.v99", Labels: map[string]string{"owner": "helm", "name": "gw", "version": "99", "status": "deployed"}},
				Type:       "helm.sh/release.v1", StringData: map[string]string{"release": "H4sI"},
			},
			otherType,
		},
		"a ServiceAccount's token": {
			&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "token", Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"}},
				Type:       corev1.SecretTypeServiceAccountToken,
			},
			otherType,
		},
		"an ordinary Secret":                        {&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "registry"}}, otherType},
		"a build that clones another repository":    {set("clone_url", "https://attacker.example/repository.git"), ownCode},
		"a build that installs packages":            {set("config", `{"dependencies":{"attack":"1.0.0"}}`), ownCode},
		"a build of another commit":                 {set("commit_id", "589e15029e1e44dee48de4800daf1f78e64287c0"), ownCode},
		"a build of a pull request":                 {set("commit_ref", "refs/pull/5/head"), otherRef},
		"a build with a key of its own":             {set("extra", "1"), ownCode},
		"a build of another project":                {build(func(s *corev1.Secret) { s.Labels["project"], s.StringData["project_id"] = another, another }), otherProject},
		"a build that loads another project":        {set("project_id", another), otherProject},
		"a build without a project":                 {build(func(s *corev1.Secret) { delete(s.Labels, "project") }), otherName},
		"a build that takes another's storage":      {set("build_name", "brigade-worker-01kdyabkw0s6yex28fx1302m8v"), otherBuild},
		"a build without data":                      {build(func(s *corev1.Secret) { s.StringData = nil }), otherProject},
		"a build of another gateway":                {set("event_provider", "github"), "the provider of a build of the gateway is k8s-gateway"},
		"a build that is named like something else": {build(func(s *corev1.Secret) { s.Name = "registry" }), otherName},
		"a build that the API server names":         {build(func(s *corev1.Secret) { s.Name, s.GenerateName = "", s.Name }), otherName},
		"a build labeled as another":                {build(func(s *corev1.Secret) { s.Labels["build"] = "01kdyabkw0s6yex28fx1302m8v" }), otherName},
		"a build that was done with":                {build(func(s *corev1.Secret) { s.Labels["status"] = "accepted" }), otherName},
	}
}

// TestAdmissionPolicy shows that a stolen token of the gateway's account can create
// all attacks without the policy and none with it, and that the gateway itself still
// creates its builds.
func TestAdmissionPolicy(t *testing.T) {
	cp := controlplane.StartForTest(t, controlplane.Options{})
	createNamespaces(t, cp)
	const account = release + "-brigade-k8s-gateway"
	values := []string{"--namespace", namespace, "--set", "project=deis/empty-testbed"}
	helm.Must(t, cp.Kubeconfig(), append([]string{"install", release, helm.Chart, "--no-hooks"}, values...)...)
	kubeconfig, err := cp.ServiceAccountKubeconfig(t.Context(), namespace, account)
	if err != nil {
		t.Fatal(err)
	}
	stolen := clientOf(t, kubeconfig)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

	for name, attack := range attacks() {
		t.Run("without the policy the account creates "+name, func(t *testing.T) {
			if _, err := stolen.CoreV1().Secrets(namespace).Create(t.Context(), attack.secret.DeepCopy(), dry); err != nil {
				t.Error(err)
			}
		})
	}

	helm.Must(t, cp.Kubeconfig(), append([]string{"upgrade", release, helm.Chart, "--no-hooks", "--set", "admissionPolicy.enabled=true"}, values...)...)
	controlplane.Eventually(t, func(ctx context.Context) error {
		// There are two policies, and each takes its own time.
		_, secret := stolen.CoreV1().Secrets(namespace).Create(ctx, attacks()["an ordinary Secret"].secret, dry)
		_, other := stolen.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "another"}}, dry)
		if secret == nil || other == nil {
			return fmt.Errorf("the policies are not in use yet")
		}
		return nil
	})
	const policy = namespace + "." + release + "-brigade-k8s-gateway"
	for name, attack := range attacks() {
		t.Run("the policy refuses "+name, func(t *testing.T) {
			_, err := stolen.CoreV1().Secrets(namespace).Create(t.Context(), attack.secret, metav1.CreateOptions{})
			want := fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request: %s", policy, policy, attack.why)
			if !apierrors.IsForbidden(err) || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s, forbidden", err, want)
			}
		})
	}
	t.Run("the policy refuses what is not the gateway's own", func(t *testing.T) { writesOnlyItsOwn(t, stolen) })
	t.Run("others create what they like", func(t *testing.T) {
		for name, attack := range attacks() {
			if _, err := cp.Client().CoreV1().Secrets(namespace).Create(t.Context(), attack.secret, dry); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("the gateway builds", func(t *testing.T) { buildsUnderThePolicy(t, cp, stolen, kubeconfig) })
}

// writesOnlyItsOwn creates, as the account, objects that RBAC cannot restrict to a name.
func writesOnlyItsOwn(t *testing.T, stolen kubernetes.Interface) {
	t.Helper()
	ctx, dry := t.Context(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	configMap := func(name string) error {
		_, err := stolen.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, dry)
		return err
	}
	lease := func(name string) error {
		_, err := stolen.CoordinationV1().Leases(namespace).Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}, dry)
		return err
	}
	report := func(component string) error {
		_, err := stolen.CoreV1().Events(namespace).Create(ctx, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "web-0.1"},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: "web-0"},
			Source:         corev1.EventSource{Component: component},
		}, dry)
		return err
	}
	for what, test := range map[string]struct {
		err  error
		want string
	}{
		"another ConfigMap":    {configMap("brigade-default-script"), "the gateway writes no ConfigMap except its position"},
		"another Lease":        {lease("kube-scheduler"), "the gateway writes only its own Lease"},
		"an Event of others":   {report("kubelet"), "the gateway writes only its own Events"},
		"an Event of its own":  {report("brigade-k8s-gateway"), ""},
		"its ConfigMap, again": {configMap(release + "-brigade-k8s-gateway-position"), "already exists"},
	} {
		switch {
		case test.want == "" && test.err != nil:
			t.Errorf("%s: %v", what, test.err)
		case test.want != "" && (test.err == nil || !strings.HasSuffix(test.err.Error(), test.want)):
			t.Errorf("%s: %v, want %s", what, test.err, test.want)
		}
	}
}

// buildsUnderThePolicy runs the gateway as the account, and compares its Secret with
// the one that the attacks are variants of.
func buildsUnderThePolicy(t *testing.T, cp *controlplane.ControlPlane, account kubernetes.Interface, kubeconfig string) {
	t.Helper()
	if _, err := account.CoreV1().Secrets(namespace).Create(t.Context(), build(nil), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Errorf("a build as the gateway writes it: %v", err)
	}
	gateway := daemon.Start(t, "--kubeconfig", kubeconfig, "--build-namespace", namespace, "--listen", "",
		"--config", helm.Values(t, "project: deis/empty-testbed\nfilters: [{namespace: pequod, action: accept}]\n"))
	gateway.Ready()
	e := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "pequod", Name: "web-0"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "pequod", Name: "web-0"},
		Reason:         "BackOff", FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(), Count: 1,
	}
	e, err := cp.Client().CoreV1().Events("pequod").Create(t.Context(), e, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gateway.Wait("that it builds", daemon.WithMessage("build created"))
	list, err := cp.Client().CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "component=build"})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 {
		t.Fatalf("%d builds, want 1", len(list.Items))
	}
	var payload corev1.Event
	if err := json.Unmarshal(list.Items[0].Data["payload"], &payload); err != nil || payload.UID != e.UID {
		t.Errorf("the build is of event %s (%v), want %s", payload.UID, err, e.UID)
	}
}

// clientOf returns a client with a kubeconfig's rights.
func clientOf(t *testing.T, kubeconfig string) kubernetes.Interface {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS = -1
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestAdmissionPolicyNamesTheProjectsOfTheValues(t *testing.T) {
	values := helm.Values(t, `
project: deis/empty-testbed
filters:
  - {kind: Node, scope: Cluster, action: accept, project: platform/on-call}
  - {kind: Job, action: accept, project: platform/on-call}
  - {kind: Pod, action: accept, project: brigade-my-own-id}
  - {action: accept}
admissionPolicy: {enabled: true}
`)
	var got map[string]string
	for _, policy := range objects[admissionv1.ValidatingAdmissionPolicy](t, render(t, "--values", values), "ValidatingAdmissionPolicy") {
		for _, v := range policy.Spec.Variables {
			if v.Name != "projects" {
				continue
			}
			if err := json.Unmarshal([]byte(v.Expression), &got); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := map[string]string{}
	for _, project := range []string{"deis/empty-testbed", "platform/on-call", "brigade-my-own-id"} {
		id := brigade.ProjectID(project)
		encoded, err := json.Marshal([]byte(id))
		if err != nil {
			t.Fatal(err)
		}
		want[id] = strings.Trim(string(encoded), `"`)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

func TestAdmissionPolicyRefusesAnOldAPIServer(t *testing.T) {
	args := []string{"template", release, helm.Chart, "--set", "project=p", "--set", "admissionPolicy.enabled=true", "--kube-version"}
	for version, refused := range map[string]bool{"1.29.9": true, "1.30.0": false, "1.37.0": false} {
		_, stderr, err := helm.Run(t, helm.NoCluster, append(args, version)...)
		if (err != nil) != refused {
			t.Errorf("Kubernetes %s: %v\n%s", version, err, stderr)
		}
		const want = "admissionPolicy.enabled needs Kubernetes 1.30 or newer, where ValidatingAdmissionPolicy is " +
			"admissionregistration.k8s.io/v1, and this is v1.29.9: set admissionPolicy.enabled to false"
		if refused && !strings.Contains(stderr, want) {
			t.Errorf("Kubernetes %s is refused with %s", version, stderr)
		}
	}
}
