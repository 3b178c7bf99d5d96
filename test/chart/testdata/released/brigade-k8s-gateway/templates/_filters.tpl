{{/*
Whether a glob of a filter matches a text: "true" or nothing. Input: glob, text.
An absent glob matches anything.
*/}}
{{- define "gateway.glob" -}}
{{- $re := .glob | default "*" | regexQuoteMeta | replace `\*` `.*` | replace `\?` `.` -}}
{{- if regexMatch (printf "^(?s:%s)$" $re) .text }}true{{ end -}}
{{- end -}}

{{/*
Whether a filter leaves all but one of its conditions open: "true" or nothing.
Input: filter, but (a key).
*/}}
{{- define "gateway.open" -}}
{{- $open := true -}}
{{- range $key := without (list "namespace" "kind" "name" "reasons" "type" "component" "expression") .but -}}
{{- if not (has (get $.filter $key | default "*") (list "*" (list "*"))) }}{{ $open = false }}{{ end -}}
{{- end -}}
{{- if $open }}true{{ end -}}
{{- end -}}

{{/*
The paths of filters that accept Events about something in the build namespace,
one a line. Filters behind one that decides about all of it are never asked.
*/}}
{{- define "gateway.acceptsBuildNamespace" -}}
{{- $namespace := include "gateway.buildNamespace" . -}}
{{- $watched := or (empty .Values.watch.namespaces) (has $namespace .Values.watch.namespaces) -}}
{{- range $i, $filter := .Values.filters -}}
{{- if and $watched (include "gateway.glob" (dict "glob" $filter.namespace "text" $namespace)) -}}
{{- if and (eq $filter.action "accept") (not (has $filter.kind (list "Node" "Namespace" "PersistentVolume"))) }}
filters[{{ $i }}]
{{- end -}}
{{- if include "gateway.open" (dict "filter" $filter "but" "namespace") }}{{ $watched = false }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The path of the filter that accepts all Events about all pods, each of them a
build, if there is one.
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
The paths of filters that accept, one a line.
*/}}
{{- define "gateway.accepting" -}}
{{- range $i, $filter := .Values.filters -}}
{{- if eq $filter.action "accept" }}
filters[{{ $i }}]
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Stops an install that could not work. What a schema can say is in
values.schema.json; this is what it cannot.
*/}}
{{- define "gateway.validate" -}}
{{- if not .Values.project -}}
{{- range $i, $filter := .Values.filters -}}
{{- if and (eq $filter.action "accept") (not $filter.project) -}}
{{- fail (printf "project is empty, and filters[%d] accepts without a project of its own: set project to the Brigade project to build, by name or ID, for example --set project=deis/empty-testbed (brig project list shows them), or set filters to [] to only read which Events there are" $i) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
