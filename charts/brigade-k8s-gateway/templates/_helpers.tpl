{{/*
A name of at most 50 characters, because names derived from it add up to 13. A
longer one ends with its hash, so that two long names stay distinct.
*/}}
{{- define "gateway.short" -}}
{{- if gt (len .) 50 -}}
{{- printf "%s-%s" (. | trunc 41 | trimSuffix "-") (sha256sum . | trunc 8) -}}
{{- else -}}
{{- . | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
The chart's part of names and labels.
*/}}
{{- define "gateway.name" -}}
{{- include "gateway.short" (.Values.nameOverride | default .Chart.Name) -}}
{{- end -}}

{{/*
The name of the objects.
*/}}
{{- define "gateway.fullname" -}}
{{- $name := include "gateway.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- include "gateway.short" .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- include "gateway.short" .Release.Name -}}
{{- else -}}
{{- include "gateway.short" (printf "%s-%s" .Release.Name $name) -}}
{{- end -}}
{{- end -}}

{{- define "gateway.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/*
The name of a Role or ClusterRole, and of its binding. It contains namespace and
release, because several releases can watch one namespace. Input: root, for.
*/}}
{{- define "gateway.roleName" -}}
{{- printf "%s:%s:%s" (include "gateway.namespace" .root) (include "gateway.fullname" .root) .for -}}
{{- end -}}

{{- define "gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "gateway.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "gateway.buildNamespace" -}}
{{- .Values.buildNamespace | default (include "gateway.namespace" .) -}}
{{- end -}}

{{- define "gateway.positionName" -}}
{{- include "gateway.fullname" . }}-position
{{- end -}}

{{/*
The number of pods: replicaCount or replicas.
*/}}
{{- define "gateway.replicas" -}}
{{- kindIs "invalid" .Values.replicaCount | ternary .Values.replicas .Values.replicaCount | int64 -}}
{{- end -}}

{{/*
Whether Roles are created, rbac.create or rbac.enabled: "true" or nothing.
*/}}
{{- define "gateway.rbac" -}}
{{- if ternary .Values.rbac.enabled .Values.rbac.create (kindIs "invalid" .Values.rbac.create) }}true{{ end -}}
{{- end -}}

{{/*
The image's name without tag, before global.imageRegistry.
*/}}
{{- define "gateway.repository" -}}
{{- .Values.image.repository | default (printf "%s/%s" .Values.registry .Values.name) -}}
{{- end -}}

{{/*
The image. A released chart has the digest of its image in an annotation, which
applies to the chart's own name and tag only.
*/}}
{{- define "gateway.image" -}}
{{- $repository := include "gateway.repository" . -}}
{{- $tag := .Values.image.tag | default .Values.tag -}}
{{- $digest := .Values.image.digest -}}
{{- if and (not $tag) (not $digest) (eq $repository "ghcr.io/brigadecore/brigade-k8s-gateway") -}}
{{- with .Chart.Annotations }}{{ $digest = index . "brigade.sh/image-digest" }}{{ end -}}
{{- end -}}
{{- with .Values.global.imageRegistry -}}
{{- $parts := splitList "/" $repository -}}
{{- if and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) -}}
{{- $parts = rest $parts -}}
{{- end -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (join "/" $parts) -}}
{{- end -}}
{{- printf "%s:%s" $repository ($tag | default .Chart.AppVersion) -}}
{{- with $digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/*
The Secrets to pull the image with: global ones first, without duplicates.
*/}}
{{- define "gateway.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat (.Values.global.imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $names = append $names (kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name")) -}}
{{- end -}}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end -}}
{{- end -}}

{{- define "gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gateway.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/*
The labels of an object. Brigade selects its gateways by role and type. The user's
labels replace the chart's, except those that select pods. Input: root; extra, the
labels of this object.
*/}}
{{- define "gateway.labels" -}}
{{- $labels := dict
      "app.kubernetes.io/version" .root.Chart.AppVersion
      "app.kubernetes.io/part-of" "brigade"
      "app.kubernetes.io/managed-by" .root.Release.Service
      "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
      "role" "gateway"
      "type" "kubernetes-events" -}}
{{- $labels = merge dict (include "gateway.selectorLabels" .root | fromYaml) (.extra | default dict) (.root.Values.commonLabels | default dict) $labels -}}
{{- toYaml $labels -}}
{{- end -}}

{{/*
The labels of a pod. None depends on the chart's version, so that a new version
alone does not replace the pods.
*/}}
{{- define "gateway.podLabels" -}}
{{- $labels := dict "role" "gateway" "type" "kubernetes-events" -}}
{{- toYaml (merge dict (include "gateway.selectorLabels" . | fromYaml) (.Values.podLabels | default dict) (.Values.commonLabels | default dict) $labels) -}}
{{- end -}}

{{/*
The constraints on how pods are spread. One without labelSelector selects the pods
of this release.
*/}}
{{- define "gateway.topologySpreadConstraints" -}}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "gateway.selectorLabels" . | fromYaml)) -}}
{{- range .Values.topologySpreadConstraints }}
- {{ toYaml (merge dict . $own) | nindent 2 | trim }}
{{- end -}}
{{- end -}}

{{/*
The binding's subject.
*/}}
{{- define "gateway.subjects" -}}
- kind: ServiceAccount
  name: {{ include "gateway.serviceAccountName" . | quote }}
  namespace: {{ include "gateway.namespace" . | quote }}
{{- end -}}

{{/*
An endpoint of a ServiceMonitor or PodMonitor. Input: its values.
*/}}
{{- define "gateway.endpoint" -}}
port: http
path: /metrics
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The duration, labels and first annotation of an alert. The labels namespace and
service distinguish releases, because an aggregation has no labels of its own.
Input: root, alert (its values), name.
*/}}
{{- define "gateway.alert" -}}
for: {{ .alert.for }}
labels:
  {{- $labels := dict "namespace" (include "gateway.namespace" .root) "service" (include "gateway.fullname" .root) "severity" .alert.severity }}
  {{- toYaml (merge dict $labels .root.Values.metrics.prometheusRule.alertLabels) | nindent 2 }}
annotations:
  runbook_url: {{ .root.Values.metrics.prometheusRule.runbookURL }}#{{ .name | lower }}
{{- end -}}
