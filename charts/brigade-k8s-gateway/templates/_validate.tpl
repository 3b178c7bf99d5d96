{{/*
Stops an install that could not work. What a schema can say is in
values.schema.json; this is what it cannot.
*/}}
{{- define "gateway.validate" -}}
{{- include "gateway.validateProject" . -}}
{{- include "gateway.validateImage" . -}}
{{- include "gateway.validateName" . -}}
{{- include "gateway.validateLeaderElection" . -}}
{{- include "gateway.validateEnvironment" . -}}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled -}}
{{- fail "metrics.serviceMonitor and metrics.podMonitor are both enabled: each pod would be scraped twice, and every number would be doubled; enable one" -}}
{{- end -}}
{{- end -}}

{{- define "gateway.validateProject" -}}
{{- if not .Values.project -}}
{{- range $i, $filter := .Values.filters -}}
{{- if and (eq $filter.action "accept") (not $filter.project) -}}
{{- fail (printf "project is empty, and filters[%d] accepts without a project of its own: set project to the Brigade project to build, by name or ID, for example --set project=deis/empty-testbed (brig project list shows them), or set filters to [] to only read which Events there are" $i) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The first gateway's image does not know the arguments of this chart. It was
published as `latest` by deis and by brigadecore on Docker Hub.
*/}}
{{- define "gateway.validateImage" -}}
{{- $image := include "gateway.image" . -}}
{{- if regexMatch "^((docker|index\\.docker)\\.io/)?(deis/brigade-k8s-gateway(:|@|$)|brigadecore/brigade-k8s-gateway:latest(@|$))" $image -}}
{{- fail (printf "%s is the image of the first gateway, which cannot run with this chart: leave registry, name and tag out of your values, or name an image of this gateway (docs/migrating.md)" $image) -}}
{{- end -}}
{{- end -}}

{{/*
Only a Service's name is as strict, so that the API server would refuse one object
and take the others.
*/}}
{{- define "gateway.validateName" -}}
{{- $name := include "gateway.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot be the name of a Service, which begins with a letter and has only small letters, digits and hyphens: set fullnameOverride, or give the release another name" $name) -}}
{{- end -}}
{{- end -}}

{{/*
The rules of client-go's leader election. A gateway that is started against them
exits.
*/}}
{{- define "gateway.validateLeaderElection" -}}
{{- $lease := .Values.leaderElection.leaseDurationSeconds | int64 -}}
{{- $renew := .Values.leaderElection.renewDeadlineSeconds | int64 -}}
{{- $retry := .Values.leaderElection.retryPeriodSeconds | int64 -}}
{{- if le $lease $renew -}}
{{- fail (printf "leaderElection.leaseDurationSeconds is %d: must be more than leaderElection.renewDeadlineSeconds, which is %d" $lease $renew) -}}
{{- end -}}
{{- if le (mul 10 $renew) (mul 12 $retry) -}}
{{- fail (printf "leaderElection.renewDeadlineSeconds is %d: must be more than 1.2 times leaderElection.retryPeriodSeconds, which is %d" $renew $retry) -}}
{{- end -}}
{{- end -}}

{{/*
Server-side apply refuses a list that has a name twice, in words that do not say
where it comes from.
*/}}
{{- define "gateway.validateEnvironment" -}}
{{- range $i, $variable := .Values.extraEnv -}}
{{- if has $variable.name (list "POD_NAME" "POD_NAMESPACE") -}}
{{- fail (printf "extraEnv[%d] is %s, which the chart sets: remove it" $i $variable.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
