package chart

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/test/helm"
)

// otherValues are values that differ from the defaults, by path, for those that are
// neither a boolean nor any number.
var otherValues = map[string]string{
	"project":                              `q`,
	"commitRef":                            `refs/heads/main`,
	"filters":                              `[{kind: Job, action: accept}]`,
	"clusterName":                          `sea-1`,
	"destinations":                         `[{name: a, cloudEvents: {url: "https://example.com"}}]`,
	"destinationSecrets":                   `[a]`,
	"networkPolicy.egress":                 `[{to: [{podSelector: {}}]}]`,
	"leaderElection.retryPeriodSeconds":    `3`,
	"watch.namespaces":                     `[pequod]`,
	"buildNamespace":                       `builds`,
	"logEvents":                            `none`,
	"logLevel":                             `warn`,
	"logFormat":                            `text`,
	"replicaCount":                         `7`,
	"registry":                             `example.com`,
	"name":                                 `gw`,
	"tag":                                  `v2`,
	"pullPolicy":                           `Always`,
	"image.repository":                     `example.com/gw`,
	"image.tag":                            `v2`,
	"image.digest":                         digest,
	"image.pullPolicy":                     `Always`,
	"imagePullSecrets":                     `[{name: regcred}]`,
	"global.imageRegistry":                 `mirror.example.com`,
	"global.imagePullSecrets":              `[regcred]`,
	"rbac.create":                          `false`,
	"serviceAccount.name":                  `events`,
	"serviceAccount.annotations":           `{a: b}`,
	"serviceAccount.labels":                `{a: b}`,
	"nameOverride":                         `events`,
	"fullnameOverride":                     `events`,
	"namespaceOverride":                    `elsewhere`,
	"commonLabels":                         `{a: b}`,
	"resources":                            `{requests: {cpu: 1}}`,
	"podSecurityContext":                   `{fsGroup: 1}`,
	"securityContext":                      `{runAsUser: 1}`,
	"nodeSelector":                         `{a: b}`,
	"tolerations":                          `[{operator: Exists}]`,
	"affinity":                             `{nodeAffinity: {}}`,
	"topologySpreadConstraints":            `[]`,
	"priorityClassName":                    `high`,
	"podAnnotations":                       `{a: b}`,
	"podLabels":                            `{a: b}`,
	"deployment.annotations":               `{a: b}`,
	"deployment.labels":                    `{a: b}`,
	"strategy":                             `{type: Recreate}`,
	"livenessProbe":                        `{timeoutSeconds: 9}`,
	"readinessProbe":                       `{timeoutSeconds: 9}`,
	"startupProbe":                         `{timeoutSeconds: 9}`,
	"dnsPolicy":                            `None`,
	"dnsConfig":                            `{nameservers: [10.0.0.10]}`,
	"extraArgs":                            `[--workers=32]`,
	"extraEnv":                             `[{name: A, value: b}]`,
	"extraEnvFrom":                         `[{secretRef: {name: a}}]`,
	"extraVolumes":                         `[{name: a, emptyDir: {}}]`,
	"extraVolumeMounts":                    `[{name: a, mountPath: /a}]`,
	"extraContainers":                      `[{name: a, image: b}]`,
	"initContainers":                       `[{name: a, image: b}]`,
	"extraObjects":                         `[{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]`,
	"service.annotations":                  `{a: b}`,
	"service.labels":                       `{a: b}`,
	"podDisruptionBudget.minAvailable":     `1`,
	"networkPolicy.from":                   `[{podSelector: {}}]`,
	"networkPolicy.apiServer.cidrs":        `[10.0.0.1/32]`,
	"networkPolicy.apiServer.ports":        `[6443]`,
	"resourceQuota.hard":                   `{pods: "3"}`,
	"metrics.serviceMonitor.labels":        `{a: b}`,
	"metrics.serviceMonitor.interval":      `1d`,
	"metrics.serviceMonitor.scrapeTimeout": `9s`,
	"metrics.serviceMonitor.relabelings":   `[{action: labeldrop, regex: a}]`,
	"metrics.serviceMonitor.metricRelabelings": `[{action: labeldrop, regex: a}]`,
	"metrics.podMonitor.labels":                `{a: b}`,
	"metrics.podMonitor.interval":              `1d`,
	"metrics.podMonitor.scrapeTimeout":         `9s`,
	"metrics.podMonitor.relabelings":           `[{action: labeldrop, regex: a}]`,
	"metrics.podMonitor.metricRelabelings":     `[{action: labeldrop, regex: a}]`,
	"metrics.prometheusRule.labels":            `{a: b}`,
	"metrics.prometheusRule.selector":          `job="gateway"`,
	"metrics.prometheusRule.alertLabels":       `{a: b}`,
	"metrics.prometheusRule.runbookURL":        `https://example.com`,
	"metrics.dashboard.labels":                 `{a: b}`,
	"metrics.dashboard.annotations":            `{a: b}`,
}

// Each value changes what is rendered: none is only in the schema and the README.
func TestEachValueIsUsed(t *testing.T) {
	values := defaults(t)
	const enabled = `
project: p
filterCheck: {enabled: true}
admissionPolicy: {enabled: true}
networkPolicy: {enabled: true, egress: [{ports: [{port: 443}]}]}
resourceQuota: {enabled: true}
metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}
`
	const podMonitor = `{metrics: {serviceMonitor: {enabled: false}, podMonitor: {enabled: true}}}`
	rendered := func(t *testing.T, more, set string) string {
		t.Helper()
		return render(t, "--values", helm.Values(t, enabled), "--values", helm.Values(t, more), "--values", helm.Values(t, set))
	}
	common, withPodMonitor := rendered(t, "{}", "{}"), rendered(t, podMonitor, "{}")
	tested := map[string]bool{}
	for path, was := range leaves("", values) {
		tested[path] = true
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			set, known := otherValues[path]
			_, isNumber := was.(float64)
			_, isBool := was.(bool)
			switch {
			case known:
			case strings.HasSuffix(path, ".enabled"):
				set = "false" // the others enable everything
			case isBool:
				set = fmt.Sprint(was == false)
			case isNumber:
				set = "11"
			case strings.HasSuffix(path, ".for"):
				set = "99m"
			case strings.HasSuffix(path, ".severity"):
				set = "another"
			default:
				t.Fatal("no other value is known for this one: add it to otherValues")
			}
			more, before := "{}", common
			if strings.HasPrefix(path, "metrics.podMonitor.") {
				more, before = podMonitor, withPodMonitor
			}
			keys := strings.Split(path, ".")
			if rendered(t, more, "{"+strings.Join(keys, ": {")+": "+set+strings.Repeat("}", len(keys))) == before {
				t.Errorf("%s: %s changes nothing", path, set)
			}
		})
	}
	for path := range otherValues {
		if !tested[path] {
			t.Errorf("otherValues has %s, which is not in values.yaml", path)
		}
	}
}

// leaves returns the values below a mapping that users set as a whole, by path.
func leaves(prefix string, values map[string]any) map[string]any {
	found := map[string]any{}
	for key, value := range values {
		path := prefix + key
		_, whole := otherValues[path]
		if mapping, ok := value.(map[string]any); ok && !whole {
			maps.Copy(found, leaves(path+".", mapping))
			continue
		}
		found[path] = value
	}
	return found
}
