{{/*
Fails for values that cannot work and that values.schema.json cannot check.
*/}}
{{- define "gateway.validate" -}}
{{- include "gateway.validateProject" . -}}
{{- include "gateway.validateImage" . -}}
{{- include "gateway.validateName" . -}}
{{- include "gateway.validateLeaderElection" . -}}
{{- include "gateway.validateEnvironment" . -}}
{{- include "gateway.validateDestinations" . -}}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled -}}
{{- fail "metrics.serviceMonitor and metrics.podMonitor are both enabled: each pod would be scraped twice, and every number would be doubled; enable one" -}}
{{- end -}}
{{- end -}}

{{- define "gateway.validateProject" -}}
{{- if not .Values.project -}}
{{- range $i, $filter := .Values.filters -}}
{{- if and (eq $filter.action "accept") (not $filter.project) (not $filter.destination) -}}
{{- fail (printf "project is empty, and filters[%d] accepts without a project or destination of its own: set project to the Brigade project to build, by name or ID, for example --set project=deis/empty-testbed (brig project list shows them), or set filters to [] to only read which Events there are" $i) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The image of the first gateway does not accept the arguments of this chart. It was
published on Docker Hub as deis/brigade-k8s-gateway and as
brigadecore/brigade-k8s-gateway:latest.
*/}}
{{- define "gateway.validateImage" -}}
{{- $image := include "gateway.image" . -}}
{{- if regexMatch "^((docker|index\\.docker)\\.io/)?(deis/brigade-k8s-gateway(:|@|$)|brigadecore/brigade-k8s-gateway:latest(@|$))" $image -}}
{{- fail (printf "%s is the image of the first gateway, which cannot run with this chart: leave registry, name and tag out of your values, or name an image of this gateway (docs/migrating.md)" $image) -}}
{{- end -}}
{{- end -}}

{{/*
A Service has stricter rules for its name than other objects: the API server would
refuse it and accept the rest.
*/}}
{{- define "gateway.validateName" -}}
{{- $name := include "gateway.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot be the name of a Service, which begins with a letter and has only lower-case letters, digits and hyphens: set fullnameOverride, or give the release another name" $name) -}}
{{- end -}}
{{- end -}}

{{/*
The rules of client-go's leader election. The gateway exits at the start if they are
not met.
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
Server-side apply refuses duplicate names in a list, with an error that does not say
where they come from.
*/}}
{{- define "gateway.validateEnvironment" -}}
{{- range $i, $variable := .Values.extraEnv -}}
{{- if has $variable.name (list "POD_NAME" "POD_NAMESPACE") -}}
{{- fail (printf "extraEnv[%d] is %s, which the chart sets: remove it" $i $variable.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
A NetworkPolicy that does not name the receivers would stop every message.
*/}}
{{- define "gateway.validateDestinations" -}}
{{- $names := list -}}
{{- range .Values.destinations }}{{ $names = append $names .name }}{{ end -}}
{{- range $i, $filter := .Values.filters -}}
{{- if and $filter.destination (not (has $filter.destination $names)) -}}
{{- fail (printf "filters[%d].destination is %q, which is not in destinations: add it there, or correct the name" $i $filter.destination) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.destinations .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) -}}
{{- fail "networkPolicy.enabled stops every message to destinations: set networkPolicy.egress to rules that lead to them" -}}
{{- end -}}
{{- end -}}
