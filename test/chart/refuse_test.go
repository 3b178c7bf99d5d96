package chart

import (
	"cmp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// oncePerPattern is the schema's for oncePer, as reports print it: windows of at
// most a year.
const oncePerPattern = `^(occurrence|(0*([1-7]?[0-9]{1,3}|8[0-6][0-9]{2}|87[0-5][0-9]|8760)(\\.[0-9]+)?h|[0-9]{1,6}(\\.[0-9]+)?m|[0-9]{1,8}(\\.[0-9]+)?s)+)$`

// The messages are Helm's for values.schema.json. Each must name the key and say what
// is allowed.
func TestSchemaRefuses(t *testing.T) {
	tests := map[string]struct {
		values string
		want   string
	}{
		"an unknown key": {
			values: `replica: 3`,
			want:   `at '': additional properties 'replica' not allowed`,
		},
		"an unknown key inside": {
			values: `metrics: {serviceMonitor: {enable: true}}`,
			want:   `at '/metrics/serviceMonitor': additional properties 'enable' not allowed`,
		},
		"an unknown limit": {
			values: `limits: {buildsPerHour: 5}`,
			want:   `at '/limits': additional properties 'buildsPerHour' not allowed`,
		},
		"a limit below the least": {
			values: `limits: {buildsPerMinute: 0, burst: 0, activeBuilds: -1, queued: 0}`,
			want: `at '/limits/activeBuilds': minimum: got -1, want 0
at '/limits/buildsPerMinute': minimum: got 0, want 1
at '/limits/burst': minimum: got 0, want 1
at '/limits/queued': minimum: got 0, want 1`,
		},
		"a limit that is not a number": {
			values: `limits: {queued: 10k}`,
			want:   `at '/limits/queued': got string, want integer`,
		},
		"an unknown key in a filter": {
			values: `filters: [{knd: Pod, action: accept}]`,
			want:   `at '/filters/0': additional properties 'knd' not allowed`,
		},
		"a filter without action": {
			values: `filters: [{action: reject}, {kind: Pod}]`,
			want:   `at '/filters/1': missing property 'action'`,
		},
		"an unknown action": {
			values: `filters: [{action: Accept}]`,
			want:   `at '/filters/0/action': value must be one of 'accept', 'reject'`,
		},
		"an unknown type": {
			values: `filters: [{type: warning, action: accept}]`,
			want:   `at '/filters/0/type': 'warning' does not match pattern '^(Normal|Warning|.*[*?].*|)$'`,
		},
		"an unknown scope": {
			values: `filters: [{scope: cluster, action: accept}]`,
			want:   `at '/filters/0/scope': value must be one of 'Cluster', 'Namespaced', '*'`,
		},
		"reasons that are not a list": {
			values: `filters: [{reasons: Killing, action: reject}]`,
			want:   `at '/filters/0/reasons': got string, want array`,
		},
		"an empty reason": {
			values: `filters: [{reasons: [Killing, ""], action: reject}]`,
			want:   `at '/filters/0/reasons/1': minLength: got 0, want 1`,
		},
		"a namespace that is a number": {
			values: `filters: [{namespace: 42, action: reject}]`,
			want:   `at '/filters/0/namespace': got number, want string or array`,
		},
		"an empty entry of a list": {
			values: `filters: [{kind: [Pod, ""], action: reject}]`,
			want:   `at '/filters/0/kind/1': minLength: got 0, want 1`,
		},
		"an unknown key of an exception": {
			values: `filters: [{except: {reason: [Killing]}, action: reject}]`,
			want:   `at '/filters/0/except': additional properties 'reason' not allowed`,
		},
		"an exception of everything": {
			values: `filters: [{except: {}, action: reject}]`,
			want:   `at '/filters/0/except': minProperties: got 0, want 1`,
		},
		"an id with a space": {
			values: `filters: [{id: a b, action: reject}]`,
			want:   `at '/filters/0/id': 'a b' does not match pattern '^[A-Za-z0-9_.-]{0,63}$'`,
		},
		"a reference with a space": {
			values: `filters: [{commitRef: a b, action: accept}]`,
			want:   `at '/filters/0/commitRef': 'a b' does not match pattern '^\\S*$'`,
		},
		"an unknown log level": {
			values: `filters: [{logLevel: debug, action: accept}]`,
			want:   `at '/filters/0/logLevel': value must be one of 'all', 'log', 'info', 'warn', 'error', 'none'`,
		},
		"an unknown key to group by": {
			values: `filters: [{groupBy: [label], oncePer: 10m, action: accept}]`,
			want:   `at '/filters/0/groupBy/0': value must be one of 'namespace', 'kind', 'name', 'reason', 'type', 'component'`,
		},
		"groupBy without a window": {
			values: `filters: [{groupBy: [kind], action: accept}]`,
			want:   `at '/filters/0': missing property 'oncePer'`,
		},
		"a choice of namespaces as regular expressions write it": {
			values: `filters: [{namespace: prod|staging, action: accept}]`,
			want:   `at '/filters/0/namespace': 'prod|staging' does not match pattern '^[-a-z0-9*?]*$'`,
		},
		"a negated namespace in a list": {
			values: `filters: [{namespace: ["!kube-system"], action: accept}]`,
			want:   `at '/filters/0/namespace/0': '!kube-system' does not match pattern '^[-a-z0-9*?]*$'`,
		},
		"a kind with its group and version": {
			values: `filters: [{except: {kind: apps/v1/Deployment}, action: accept}]`,
			want:   `at '/filters/0/except/kind': 'apps/v1/Deployment' does not match pattern '^[-A-Za-z0-9*?]*$'`,
		},
		"namespace and name in one": {
			values: `filters: [{name: pequod/web-0, action: accept}]`,
			want:   `at '/filters/0/name': 'pequod/web-0' does not match pattern '^[^/%]*$'`,
		},
		"a window of more than a year": {
			values: `filters: [{oncePer: 9000h, action: accept}]`,
			want:   `at '/filters/0/oncePer': '9000h' does not match pattern '` + oncePerPattern + `'`,
		},
		"groupBy on a reject": {
			values: `filters: [{groupBy: [kind], action: reject}]`,
			want:   `at '/filters/0/groupBy': value must be 'left out, only an accepting filter has one'`,
		},
		"an invalid duration": {
			values: `filters: [{oncePer: soon, action: accept}]`,
			want:   `at '/filters/0/oncePer': 'soon' does not match pattern '` + oncePerPattern + `'`,
		},
		"oncePer on a reject": {
			values: `filters: [{oncePer: 10m, action: reject}]`,
			want:   `at '/filters/0/oncePer': value must be 'left out, only an accepting filter has one'`,
		},
		"project on a reject": {
			values: `filters: [{project: p, action: reject}]`,
			want:   `at '/filters/0/project': value must be 'left out, only an accepting filter has one'`,
		},
		"filters that are not a list": {
			values: `filters: {action: reject}`,
			want:   `at '/filters': got object, want array`,
		},
		"filters taken away": {
			values: `filters: null`,
			want:   `at '': missing property 'filters'`,
		},
		"a namespace to watch that is a glob": {
			values: `watch: {namespaces: ["*"]}`,
			want:   `at '/watch/namespaces/0': '*' does not match pattern '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'`,
		},
		"a namespace to watch twice": {
			values: `watch: {namespaces: [pequod, pequod]}`,
			want:   `at '/watch/namespaces': items at 0 and 1 are equal`,
		},
		"an unknown amount of logging": {
			values: `logEvents: all`,
			want:   `at '/logEvents': value must be one of 'full', 'summary', 'accepted', 'none'`,
		},
		"a word for a truth": {
			values: `rbac: {enabled: "yes"}`,
			want:   `at '/rbac/enabled': got string, want boolean`,
		},
		"a tag that YAML takes for a number": {
			values: `tag: 1.2`,
			want:   `at '/tag': got number, want string`,
		},
		"an image by a number": {
			values: `image: {tag: 1.2}`,
			want:   `at '/image/tag': got number, want string`,
		},
		"an invalid digest": {
			values: `image: {digest: sha256:abc}`,
			want:   `at '/image/digest': 'sha256:abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'`,
		},
		"no log format": {
			values: `logFormat: null`,
			want:   `at '': missing property 'logFormat'`,
		},
		"no registry": {
			values: `registry: null`,
			want:   `at '': missing property 'registry'`,
		},
		"a policy that would open all ports": {
			values: `networkPolicy: {enabled: true, apiServer: {ports: null}}`,
			want:   `at '/networkPolicy/apiServer': missing property 'ports'`,
		},
		"a name that no Service can have": {
			values: `fullnameOverride: My_Gateway`,
			want:   `at '/fullnameOverride': 'My_Gateway' does not match pattern '^([a-z]([-a-z0-9]*[a-z0-9])?)?$'`,
		},
		"a pod label that selects": {
			values: `podLabels: {app.kubernetes.io/name: x}`,
			want:   `at '/podLabels/app.kubernetes.io~1name': value must be 'left out, it selects the pods of the release'`,
		},
		"a probe of its own": {
			values: `livenessProbe: {exec: {command: [x]}}`,
			want:   `at '/livenessProbe': additional properties 'exec' not allowed`,
		},
		"a time to stop that is too short": {
			values: `terminationGracePeriodSeconds: 9`,
			want:   `at '/terminationGracePeriodSeconds': minimum: got 9, want 10`,
		},
		"a scrape interval that is a number": {
			values: `metrics: {serviceMonitor: {interval: 5}}`,
			want:   `at '/metrics/serviceMonitor/interval': got number, want string`,
		},
		"a scrape interval with its units in the wrong order": {
			values: `metrics: {podMonitor: {interval: 1s1m}}`,
			want:   `at '/metrics/podMonitor/interval': '1s1m' does not match pattern '^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$'`,
		},
		"a label that no object can have": {
			values: "commonLabels: {team: a b}\nnodeSelector: {disk: ssd_}\nmetrics: {serviceMonitor: {labels: {release: 1}}}",
			want: `at '/commonLabels/team': 'a b' does not match pattern '^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$'
at '/metrics/serviceMonitor/labels/release': got number, want string
at '/nodeSelector/disk': 'ssd_' does not match pattern '^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$'`,
		},
		"an annotation that YAML takes for a boolean": {
			values: "podAnnotations: {sidecar.istio.io/inject: false}\nservice: {annotations: {a: 1}}",
			want: `at '/podAnnotations/sidecar.istio.io~1inject': got boolean, want string
at '/service/annotations/a': got number, want string`,
		},
		"an environment variable that YAML takes for a number": {
			values: `extraEnv: [{name: HTTP2_READ_IDLE_TIMEOUT_SECONDS, value: 10}, {value: x}]`,
			want: `at '/extraEnv/0/value': got number, want string
at '/extraEnv/1': missing property 'name'`,
		},
		"names that YAML takes for numbers": {
			values: `
nameOverride: 123
fullnameOverride: "123"
namespaceOverride: 42
buildNamespace: 42
commitRef: 123
serviceAccount: {name: 7}
imagePullSecrets: [{name: 12}]`,
			want: `at '/buildNamespace': got number, want string
at '/commitRef': got number, want string
at '/fullnameOverride': '123' does not match pattern '^([a-z]([-a-z0-9]*[a-z0-9])?)?$'
at '/imagePullSecrets/0/name': got number, want string
at '/nameOverride': got number, want string
at '/namespaceOverride': got number, want string
at '/serviceAccount/name': got number, want string`,
		},
		"a project that YAML takes for a number": {
			values: `filters: [{project: 123, action: accept}]`,
			want:   `at '/filters/0/project': got number, want string`,
		},
		"replicas as a text": {
			values: "replicas: '3'\nreplicaCount: 2.5",
			want: `at '/replicaCount': got number, want null or integer
at '/replicas': got string, want integer`,
		},
		"a pull secret by its name alone": {
			values: `imagePullSecrets: [regcred]`,
			want:   `at '/imagePullSecrets/0': got string, want object`,
		},
		"no list of ports": {
			values: `networkPolicy: {enabled: true, apiServer: {ports: []}}`,
			want:   `at '/networkPolicy/apiServer/ports': minItems: got 0, want 1`,
		},
		"an alert that is taken away": {
			values: `metrics: {prometheusRule: {alerts: {queueOld: null, noLeader: {for: 0}}}}`,
			want: `at '/metrics/prometheusRule/alerts': missing property 'queueOld'
at '/metrics/prometheusRule/alerts/noLeader/for': got number, want string`,
		},
		"destinations that cannot be": {
			values: `destinations: [{name: brigade, cloudEvents: {url: "https://me:secret@example.com"}}, {name: a, cloudEvents: {url: "https://example.com", mode: fast, caFile: ca.crt, retries: 3}}, {name: b}]`,
			want: `  at '/destinations/0/cloudEvents/url': 'https://me:secret@example.com' does not match pattern '^https?://[^/@#\\s]+([/?][^#\\s]*)?$'
  at '/destinations/0/name': 'not' failed
  at '/destinations/1/cloudEvents': additional properties 'retries' not allowed
  at '/destinations/1/cloudEvents/caFile': 'ca.crt' does not match pattern '^(/.*)?$'
  at '/destinations/1/cloudEvents/mode': value must be one of 'binary', 'structured', <nil>
at '/destinations/0': validation failed
at '/destinations/1/cloudEvents': validation failed
at '/destinations/2': missing property 'cloudEvents'`,
		},
		"a destination on a reject": {
			values: `filters: [{action: reject, destination: a}]`,
			want:   `at '/filters/0/destination': value must be 'left out, only an accepting filter has one'`,
		},
		"a lease of no seconds": {
			values: `leaderElection: {leaseDurationSeconds: 0, renewDeadlineSeconds: 10s}`,
			want: `at '/leaderElection/leaseDurationSeconds': minimum: got 0, want 1
at '/leaderElection/renewDeadlineSeconds': got string, want integer`,
		},
		"an argument that is no flag": {
			values: `extraArgs: [workers=5]`,
			want:   `at '/extraArgs/0': 'workers=5' does not match pattern '^--[a-z]'`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := helm.Values(t, "project: deis/empty-testbed\n"+test.values)
			_, stderr, err := helm.Run(t, helm.NoCluster, "template", release, helm.Chart, "--values", file)
			if err == nil {
				t.Fatal("not refused")
			}
			const head = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nbrigade-k8s-gateway:\n"
			_, report, found := strings.Cut(stderr, head)
			if !found {
				t.Fatalf("not refused by the schema: %s", stderr)
			}
			got := sortLines(strings.ReplaceAll(strings.TrimSpace(report), "- at ", "at "))
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The templates refuse what a schema cannot check.
func TestInstallRefuses(t *testing.T) {
	const (
		project = " accepts without a project or destination of its own: set project to the Brigade project to build, by name or ID, " +
			"for example --set project=deis/empty-testbed (brig project list shows them), " +
			"or set filters to [] to only read which Events there are"
		image = " is the image of the first gateway, which cannot run with this chart: " +
			"leave registry, name and tag out of your values, or name an image of this gateway (docs/migrating.md)"
		service = " cannot be the name of a Service, which begins with a letter and has only lower-case letters, digits and hyphens: " +
			"set fullnameOverride, or give the release another name"
	)
	tests := map[string]struct {
		release string
		values  string
		want    string
	}{
		"the default values":               {values: ``, want: "project is empty, and filters[3]" + project},
		"one filter has its own":           {values: `filters: [{action: accept, kind: A, project: p}, {action: accept}]`, want: "project is empty, and filters[1]" + project},
		"every accepting filter has its":   {values: `filters: [{action: accept, project: p}, {action: reject}]`},
		"nothing is accepted":              {values: `filters: [{action: reject}]`},
		"there are no filters":             {values: `filters: []`},
		"the values' project is for all":   {values: `project: p`},
		"a parent chart hands down global": {values: `{project: p, global: {registry: example.com}}`},

		"the first gateway's values":       {values: `{project: p, registry: deis, name: brigade-k8s-gateway, tag: latest}`, want: "deis/brigade-k8s-gateway:latest" + image},
		"the first gateway's later values": {values: `{project: p, registry: brigadecore, tag: latest}`, want: "brigadecore/brigade-k8s-gateway:latest" + image},
		"its registry with no tag":         {values: `{project: p, registry: deis}`, want: "deis/brigade-k8s-gateway:v1.0.0" + image},
		"its image in the usual spelling":  {values: `{project: p, image: {repository: docker.io/deis/brigade-k8s-gateway, tag: v0.1.0}}`, want: "docker.io/deis/brigade-k8s-gateway:v0.1.0" + image},
		"latest of this gateway":           {values: `{project: p, tag: latest}`},
		"an image that only looks like it": {values: `{project: p, registry: example.com/deis, tag: latest}`},
		"a release with a dot in its name": {release: "my.release", values: `project: p`, want: `"my.release-brigade-k8s-gateway"` + service},
		"a release of digits":              {release: "123", values: `project: p`, want: `"123-brigade-k8s-gateway"` + service},
		"such a release with another name": {release: "123", values: `{project: p, fullnameOverride: events}`},
		"an environment variable that the chart sets": {
			values: `{project: p, extraEnv: [{name: A, value: b}, {name: POD_NAMESPACE, value: x}]}`,
			want:   "extraEnv[1] is POD_NAMESPACE, which the chart sets: remove it",
		},
		"a lease that ends before it is renewed": {
			values: `{project: p, leaderElection: {renewDeadlineSeconds: 15}}`,
			want:   "leaderElection.leaseDurationSeconds is 15: must be more than leaderElection.renewDeadlineSeconds, which is 15",
		},
		"a renewal that ends before the second attempt": {
			values: `{project: p, leaderElection: {renewDeadlineSeconds: 6, retryPeriodSeconds: 5}}`,
			want:   "leaderElection.renewDeadlineSeconds is 6: must be more than 1.2 times leaderElection.retryPeriodSeconds, which is 5",
		},
		"every accepting filter has a destination": {
			values: `{destinations: [{name: a, cloudEvents: {url: "https://example.com"}}], filters: [{action: accept, destination: a}]}`,
		},
		"a destination that is not there": {
			values: `{destinations: [{name: a, cloudEvents: {url: "https://example.com"}}], filters: [{action: accept, destination: b}]}`,
			want:   `filters[0].destination is "b", which is not in destinations: add it there, or correct the name`,
		},
		"a NetworkPolicy that leads to no destination": {
			values: `{destinations: [{name: a, cloudEvents: {url: "https://example.com"}}], filters: [{action: accept, destination: a}], networkPolicy: {enabled: true}}`,
			want:   "networkPolicy.enabled stops every message to destinations: set networkPolicy.egress to rules that lead to them",
		},
		"pods that would be scraped twice": {
			values: `{project: p, metrics: {serviceMonitor: {enabled: true}, podMonitor: {enabled: true}}}`,
			want:   "metrics.serviceMonitor and metrics.podMonitor are both enabled: each pod would be scraped twice, and every number would be doubled; enable one",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, stderr, err := helm.Run(t, helm.NoCluster, "template", cmp.Or(test.release, release), helm.Chart, "--values", helm.Values(t, test.values))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %s", stderr)
			case test.want != "" && err == nil:
				t.Error("not refused")
			case !strings.Contains(stderr, test.want):
				t.Errorf("got %s\nwant %s", stderr, test.want)
			}
		})
	}
}
