{{/*
The name of what the chart creates. Names derived from it add at most 13
characters, which leaves 50.
*/}}
{{- define "gateway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
The name of a Role or ClusterRole, and of its binding. Releases of several
namespaces can meet in a watched one, so it says whose it is. Input: root, for.
*/}}
{{- define "gateway.roleName" -}}
{{- printf "%s:%s:%s" .root.Release.Namespace (include "gateway.fullname" .root) .for -}}
{{- end -}}

{{- define "gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "gateway.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "gateway.buildNamespace" -}}
{{- .Values.buildNamespace | default .Release.Namespace -}}
{{- end -}}

{{- define "gateway.positionName" -}}
{{- include "gateway.fullname" . }}-position
{{- end -}}

{{- define "gateway.image" -}}
{{- printf "%s/%s:%s" .Values.registry .Values.name (.Values.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- define "gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/*
role and type are Brigade's way to tell its gateways.
*/}}
{{- define "gateway.labels" -}}
{{ include "gateway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: brigade
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
role: gateway
type: kubernetes-events
{{- end -}}

{{/*
The binding's subject.
*/}}
{{- define "gateway.subjects" -}}
- kind: ServiceAccount
  name: {{ include "gateway.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
