{{/*
Whether a glob, or any of a list of globs, matches a text: "true" or nothing. No
glob matches anything. Input: glob, text.
*/}}
{{- define "gateway.glob" -}}
{{- $globs := .glob | default "*" -}}
{{- if kindIs "string" $globs }}{{ $globs = list $globs }}{{ end -}}
{{- $matched := false -}}
{{- range $globs -}}
{{- $re := . | regexQuoteMeta | replace `\*` `.*` | replace `\?` `.` -}}
{{- if regexMatch (printf "^(?s:%s)$" $re) $.text }}{{ $matched = true }}{{ end -}}
{{- end -}}
{{- if $matched }}true{{ end -}}
{{- end -}}

{{/*
Whether a filter matches all namespaced objects, except for its condition on one
key: "true" or nothing. Input: filter, but (the key).
*/}}
{{- define "gateway.open" -}}
{{- $open := ne .filter.scope "Cluster" -}}
{{- range $key := without (list "namespace" "kind" "name" "reasons" "type" "component" "expression" "except") .but -}}
{{- if not (has (get $.filter $key | default "*") (list "*" (list "*"))) }}{{ $open = false }}{{ end -}}
{{- end -}}
{{- if $open }}true{{ end -}}
{{- end -}}

{{/*
The paths of filters that build Events about objects in the build namespace, one a
line. Filters after one that decides on all of these Events are not considered.
*/}}
{{- define "gateway.acceptsBuildNamespace" -}}
{{- $namespace := include "gateway.buildNamespace" . -}}
{{- $watched := or (empty .Values.watch.namespaces) (has $namespace .Values.watch.namespaces) -}}
{{- range $i, $filter := .Values.filters -}}
{{- if and $watched (ne $filter.scope "Cluster") (include "gateway.glob" (dict "glob" $filter.namespace "text" $namespace)) -}}
{{- if and (eq $filter.action "accept") (not $filter.destination) (not (has $filter.kind (list "Node" "Namespace" "PersistentVolume"))) }}
filters[{{ $i }}]
{{- end -}}
{{- if include "gateway.open" (dict "filter" $filter "but" "namespace") }}{{ $watched = false }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The path of the filter, if any, that makes a build or a message of every Event about
every pod.
*/}}
{{- define "gateway.acceptsAllPods" -}}
{{- $met := true -}}
{{- range $i, $filter := .Values.filters -}}
{{- $pods := include "gateway.glob" (dict "glob" $filter.kind "text" "Pod") -}}
{{- if and $met $pods (include "gateway.open" (dict "filter" $filter "but" "kind")) -}}
{{- if and (eq $filter.action "accept") (has ($filter.oncePer | default "occurrence") (list "occurrence")) }}
filters[{{ $i }}]
{{- end -}}
{{- $met = false -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Whether a filter makes builds of Events: "true" or nothing.
*/}}
{{- define "gateway.builds" -}}
{{- $builds := false -}}
{{- range .Values.filters -}}
{{- if and (eq .action "accept") (not .destination) }}{{ $builds = true }}{{ end -}}
{{- end -}}
{{- if $builds }}true{{ end -}}
{{- end -}}

{{/*
The destinations that filters send messages to, in the order of the filters.
*/}}
{{- define "gateway.messages" -}}
{{- $names := list -}}
{{- range .Values.filters -}}
{{- if and (eq .action "accept") .destination }}{{ $names = append $names .destination }}{{ end -}}
{{- end -}}
{{- $names | uniq | join ", " -}}
{{- end -}}

{{/*
The filter file.
*/}}
{{- define "gateway.filterFile" -}}
{{- with .Values.project }}
project: {{ . | quote }}
{{- end }}
{{- with .Values.commitRef }}
commitRef: {{ . | quote }}
{{- end }}
{{- if .Values.paused }}
paused: true
{{- end }}
{{- with .Values.destinations }}
destinations:
  {{- toYaml . | nindent 2 }}
{{- end }}
limits:
  {{- range $key, $value := .Values.limits }}
  {{ $key }}: {{ $value | int64 }}
  {{- end }}
{{- if .Values.filters }}
filters:
  {{- toYaml .Values.filters | nindent 2 }}
{{- else }}
filters: []
{{- end }}
{{- end -}}

{{/*
Whether Events become builds, and are not all sent to destinations: "true" or
nothing.
*/}}
{{- define "gateway.usesBrigade" -}}
{{- if or (empty .Values.destinations) (include "gateway.builds" .) }}true{{ end -}}
{{- end -}}
