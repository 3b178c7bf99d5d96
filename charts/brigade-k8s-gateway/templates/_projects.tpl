{{/*
The IDs of the projects that the values name, as a JSON list. Brigade computes
an ID so (ProjectID in pkg/brigade/project.go of Brigade 1.5): a name that begins
with brigade- is one.
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
