{{/*
The IDs of the projects in the values, as a JSON list, computed as by ProjectID in
pkg/brigade/project.go of Brigade 1.5: a name with the prefix brigade- is an ID.
*/}}
{{- define "gateway.projectIDs" -}}
{{- $names := list .Values.project -}}
{{- range .Values.filters }}{{ $names = append $names (.project | default "") }}{{ end -}}
{{- $ids := list -}}
{{- range compact $names -}}
{{- $ids = append $ids (hasPrefix "brigade-" . | ternary . (printf "brigade-%s" (sha256sum . | trunc 54))) -}}
{{- end -}}
{{- $ids | uniq | toJson -}}
{{- end -}}
