package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// digest has the form of one.
const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// What each value changes in the rendered objects.
func TestValues(t *testing.T) {
	tests := map[string]struct {
		values string
		want   []string // is rendered
		never  []string // is not
	}{
		"two replicas are kept apart": {
			want: []string{`
      topologySpreadConstraints:
        - labelSelector:
            matchLabels:
              app.kubernetes.io/instance: gw
              app.kubernetes.io/name: brigade-k8s-gateway
          matchLabelKeys:
          - pod-template-hash
          maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
`},
		},
		"no constraint on the spread": {
			values: `topologySpreadConstraints: []`,
			never:  []string{"topologySpreadConstraints"},
		},
		"the first chart's image keys": {
			values: `{registry: registry.example.com, name: gw, tag: v2, pullPolicy: Always}`,
			want:   []string{`image: "registry.example.com/gw:v2"`, "imagePullPolicy: Always"},
		},
		"the usual image keys win over them": {
			values: `{registry: a, name: b, tag: c, image: {repository: registry.example.com:5000/gw, tag: v2, pullPolicy: Never}}`,
			want:   []string{`image: "registry.example.com:5000/gw:v2"`, "imagePullPolicy: Never"},
		},
		"a digest": {
			values: `image: {digest: "` + digest + `"}`,
			want:   []string{`image: "ghcr.io/brigadecore/brigade-k8s-gateway:v1.0.0@` + digest + `"`},
		},
		"a digest behind the tag as before": {
			values: `tag: v2@` + digest,
			want:   []string{`image: "ghcr.io/brigadecore/brigade-k8s-gateway:v2@` + digest + `"`},
		},
		"a mirror takes the place of the registry's host": {
			values: `global: {imageRegistry: mirror.example.com}`,
			want:   []string{`image: "mirror.example.com/brigadecore/brigade-k8s-gateway:v1.0.0"`},
		},
		"a mirror goes before a name without a host": {
			values: `{registry: team, global: {imageRegistry: "mirror.example.com:5000/hub"}}`,
			want:   []string{`image: "mirror.example.com:5000/hub/team/brigade-k8s-gateway:v1.0.0"`},
		},
		"pull secrets of a parent chart come first and each once": {
			values: `{global: {imagePullSecrets: [one, {name: two}]}, imagePullSecrets: [{name: one}, {name: three}]}`,
			want: []string{`
      imagePullSecrets:
        - name: "one"
        - name: "two"
        - name: "three"
`},
		},
		"the user ID left to OpenShift": {
			values: `podSecurityContext: {runAsUser: null, runAsGroup: null}`,
			want:   []string{"runAsNonRoot: true"},
			never:  []string{"runAsUser", "runAsGroup"},
		},
		"another name": {
			values: `nameOverride: events`,
			want:   []string{`name: "gw-events"`, "app.kubernetes.io/name: events\n"},
			never:  []string{`"gw-brigade-k8s-gateway"`},
		},
		"another namespace for everything": {
			values: `{namespaceOverride: elsewhere, rbac: {create: true}}`,
			want:   []string{`namespace: "elsewhere"`, "--build-namespace=elsewhere", `"elsewhere:gw-brigade-k8s-gateway:watch"`},
			never:  []string{`namespace: "brigade"`},
		},
		"replicaCount wins over replicas": {
			values: `{replicas: 5, replicaCount: 0}`,
			want:   []string{"  replicas: 0\n"},
		},
		"rbac.create wins over rbac.enabled": {
			values: `rbac: {enabled: true, create: false}`,
			never:  []string{"kind: Role\n", "kind: ClusterRole\n"},
		},
		"common labels are on pods and on objects": {
			values: `commonLabels: {stage: production}`,
			want:   []string{"\n        stage: production\n", "\n    stage: production\n"},
			never:  []string{"\n      stage: production\n"}, // no selector
		},
		"a label of the chart is replaced and not doubled": {
			values: `metrics: {serviceMonitor: {enabled: true, labels: {role: x}}}`,
			want:   []string{"\n    role: x\n"},
		},
		"a pod label of the chart is replaced": {
			values: `podLabels: {role: x}`,
			want:   []string{"\n        role: x\n"},
			never:  []string{"\n        role: gateway\n"},
		},
		"a day between scrapes": {
			values: `metrics: {serviceMonitor: {enabled: true, interval: 1d}}`,
			want:   []string{"interval: 1d\n"},
		},
		"pods are scraped themselves": {
			values: `metrics: {podMonitor: {enabled: true, interval: 15s}}`,
			want:   []string{"kind: PodMonitor\n", "podMetricsEndpoints:\n    - port: http\n      path: /metrics\n      interval: 15s\n"},
		},
		"names and namespaces of digits stay text": {
			values: `{namespaceOverride: "42", serviceAccount: {name: "7"}, priorityClassName: "1e3", buildNamespace: "0123", watch: {namespaces: ["99"]}}`,
			want:   []string{`namespace: "42"`, `serviceAccountName: "7"`, `priorityClassName: "1e3"`, `namespace: "0123"`, `namespace: "99"`, `"--namespace=99"`},
		},
		"the gateway stops ten seconds before its pod": {
			values: `terminationGracePeriodSeconds: 100`,
			want:   []string{"terminationGracePeriodSeconds: 100\n", "--shutdown-grace-period=90s\n"},
		},
		"large numbers are whole": {
			values: `{replicas: 1000000, revisionHistoryLimit: 1000000, terminationGracePeriodSeconds: 1000000, logRejectedPerSecond: 1000000, limits: {buildsPerMinute: 12345678}}`,
			want: []string{
				"  replicas: 1000000\n", "revisionHistoryLimit: 1000000\n", "terminationGracePeriodSeconds: 1000000\n",
				"--shutdown-grace-period=999990s\n", "--log-rejected-per-second=1000000\n", "buildsPerMinute: 12345678\n",
			},
			never: []string{"e+0"},
		},
		"a lease that is given up later": {
			values: `leaderElection: {leaseDurationSeconds: 60, renewDeadlineSeconds: 40, retryPeriodSeconds: 5}`,
			want:   []string{"--leader-elect-lease-duration=60s\n", "--leader-elect-renew-deadline=40s\n", "--leader-elect-retry-period=5s\n"},
		},
		"no probes": {
			values: `{livenessProbe: null, readinessProbe: null}`,
			never:  []string{"Probe:"},
		},
		"a probe keeps its path": {
			values: `readinessProbe: {timeoutSeconds: 9}`,
			want:   []string{"readinessProbe:\n            httpGet:\n              path: /readyz\n              port: http\n            periodSeconds: 5\n            timeoutSeconds: 9\n"},
		},
		"a disruption budget by what must stay": {
			values: `podDisruptionBudget: {minAvailable: 1}`,
			want:   []string{"minAvailable: 1\n"},
			never:  []string{"maxUnavailable"},
		},
		"the Lease is the gateway's own to create": {
			never: []string{"kind: Lease"},
		},
		"the position ConfigMap is left to the gateway": {
			values: `positionConfigMap: {create: false}`,
			want:   []string{"--position-configmap=gw-brigade-k8s-gateway-position\n", `resourceNames: ["gw-brigade-k8s-gateway-position"]`},
			never:  []string{`name: "gw-brigade-k8s-gateway-position"`},
		},
		"nothing reads single Events": {
			want: []string{"resources: [events]\n    verbs: [list, watch]\n"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rendered := render(t, "--values", helm.Values(t, "project: deis/empty-testbed\n"), "--values", helm.Values(t, test.values))
			for _, want := range test.want {
				if !strings.Contains(rendered, want) {
					t.Errorf("no %q in:\n%s", want, rendered)
				}
			}
			for _, never := range test.never {
				if strings.Contains(rendered, never) {
					t.Errorf("%q in:\n%s", never, rendered)
				}
			}
			wantUniqueKeys(t, rendered)
		})
	}
}

// wantUniqueKeys fails if a mapping has a duplicate key, of which the API server takes
// the last and other parsers refuse the file.
func wantUniqueKeys(t *testing.T, rendered string) {
	t.Helper()
	for _, document := range regexp.MustCompile(`(?m)^---$`).Split(rendered, -1) {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Errorf("%v in:\n%s", err, document)
		}
	}
}

// A released chart pins the digest of its image, only for its own tag and name: with
// another tag the digest would select the old image.
func TestReleasedDigest(t *testing.T) {
	released := filepath.Join(t.TempDir(), "brigade-k8s-gateway")
	if err := os.CopyFS(released, os.DirFS(helm.Chart)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(released, "Chart.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var metadata map[string]any
	if err := yaml.Unmarshal(data, &metadata); err != nil {
		t.Fatal(err)
	}
	metadata["annotations"] = map[string]string{"brigade.sh/image-digest": digest}
	if data, err = yaml.Marshal(metadata); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	const image = "ghcr.io/brigadecore/brigade-k8s-gateway"
	tests := map[string]struct {
		values string
		want   string
	}{
		"by default":               {values: ``, want: image + ":v1.0.0@" + digest},
		"from a mirror":            {values: `global: {imageRegistry: m.example.com}`, want: "m.example.com/brigadecore/brigade-k8s-gateway:v1.0.0@" + digest},
		"with another tag":         {values: `tag: v2`, want: image + ":v2"},
		"with another registry":    {values: `registry: example.com`, want: "example.com/brigade-k8s-gateway:v1.0.0"},
		"with a digest of its own": {values: `image: {digest: "sha256:` + strings.Repeat("0", 64) + `"}`, want: image + ":v1.0.0@sha256:" + strings.Repeat("0", 64)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rendered := helm.Must(t, helm.NoCluster, "template", release, released, "--set", "project=p", "--values", helm.Values(t, test.values))
			if !strings.Contains(rendered, fmt.Sprintf("image: %q\n", test.want)) {
				t.Errorf("no image %s in:\n%s", test.want, regexp.MustCompile(`image:.*`).FindString(rendered))
			}
		})
	}
}

// defaults returns the values of the chart.
func defaults(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(helm.Chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// A value set to null is refused, or left out; null is never rendered.
func TestNullValues(t *testing.T) {
	values := defaults(t)
	nonsense := regexp.MustCompile(`<nil>|<no value>|%!|map\[|=$|: null`)
	const enabled = "project=p,networkPolicy.enabled=true,resourceQuota.enabled=true,metrics.serviceMonitor.enabled=true," +
		"metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true"
	for _, path := range paths("", values) {
		if slices.Contains([]string{"project", "filters"}, path) {
			continue // others speak of these
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			rendered, stderr, err := helm.Run(t, helm.NoCluster, "template", release, helm.Chart, "--set", enabled+","+path+"=null")
			switch {
			case err != nil && !strings.Contains(stderr, "missing property"):
				t.Errorf("neither taken nor refused by the schema: %s", stderr)
			case err == nil:
				for _, object := range regexp.MustCompile(`(?m)^---$`).Split(rendered, -1) {
					if strings.Contains(object, `"schemaVersion"`) {
						continue // a dashboard has nulls
					}
					if found := nonsense.FindString(object); found != "" {
						t.Errorf("%q in:\n%s", found, object)
					}
				}
				if strings.Contains(rendered, "- ports:\n      to") || strings.Contains(rendered, "- ports:\n---") {
					t.Errorf("egress is open:\n%s", rendered)
				}
			}
		})
	}
}

// paths returns the paths of all keys below a mapping, as --set has them.
func paths(prefix string, values map[string]any) []string {
	var found []string
	for key, value := range values {
		path := prefix + strings.ReplaceAll(key, ".", `\.`)
		found = append(found, path)
		if mapping, ok := value.(map[string]any); ok {
			found = append(found, paths(path+".", mapping)...)
		}
	}
	slices.Sort(found)
	return found
}

// Long names with the same prefix stay distinct.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("a", 49)
	seen := map[string]string{}
	for _, name := range []string{long + "-one", long + "-two", long + "-oneone"} {
		// Helm's own limit for a release is 53.
		rendered := render(t, "--set", "project=p,fullnameOverride="+name)
		found := regexp.MustCompile(`--leader-elect-lease=(.+)`).FindStringSubmatch(rendered)
		if len(found) < 2 || len(found[1]) > 50 {
			t.Fatalf("%s becomes %v", name, found)
		}
		if other, twice := seen[found[1]]; twice {
			t.Errorf("%s and %s both become %s", name, other, found[1])
		}
		seen[found[1]] = name
	}
}

// Secrets with any names have volumes of their own.
func TestVolumesOfDestinationSecrets(t *testing.T) {
	long := strings.Repeat("a", 200)
	secrets := []string{"a.b", "a-b", "a", long + "-one", long + "-two"}
	rendered := render(t, "--set", "project=p,destinationSecrets={"+strings.Join(secrets, ",")+"}")
	pod := objects[appsv1.Deployment](t, rendered, "Deployment")[0].Spec.Template.Spec
	secretOf := map[string]string{}
	for _, v := range pod.Volumes {
		if problems := validation.IsDNS1123Label(v.Name); len(problems) > 0 {
			t.Errorf("the volume %q: %s", v.Name, problems)
		}
		if _, twice := secretOf[v.Name]; twice {
			t.Errorf("two volumes are %s", v.Name)
		}
		secretOf[v.Name] = ""
		if v.Secret != nil {
			secretOf[v.Name] = v.Secret.SecretName
		}
	}
	mounted := map[string]string{}
	for _, m := range pod.Containers[0].VolumeMounts {
		mounted[m.MountPath] = secretOf[m.Name]
	}
	for _, secret := range secrets {
		if got := mounted["/etc/destinations/"+secret]; got != secret {
			t.Errorf("at the path of %q is the Secret %q", secret, got)
		}
	}
}
