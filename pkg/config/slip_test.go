package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlipsInYAML(t *testing.T) {
	const head = "project: p\nfilters:\n"
	for name, test := range map[string]struct {
		content string
		want    string
	}{
		"a tab before a filter": {head + "\t- kind: Pod\n\t  action: accept\n", `f.yaml:3:1: not valid YAML: a tab, and YAML is indented with spaces only; replace each tab with two spaces
  	- kind: Pod
  ^
`},
		"a tab before a key": {head + "  - kind: Pod\n\taction: accept\n", `f.yaml:4:1: not valid YAML: a tab, and YAML is indented with spaces only; replace each tab with two spaces
  	action: accept
  ^
`},
		"a key one to the left": {head + "  - kind: Pod\n   action: accept\n", `f.yaml:4:4: not valid YAML: action begins in column 4, and kind on line 3 in column 5; the keys of one filter begin in the same column
     action: accept
     ^
`},
		"a key one to the right": {head + "  - kind: Pod\n     action: accept\n", `f.yaml:4:6: not valid YAML: action begins in column 6, and kind on line 3 in column 5; the keys of one filter begin in the same column
       action: accept
       ^
`},
		"a key below the dash": {head + "  - kind: Pod\n  action: accept\n", `f.yaml:4:3: not valid YAML: action begins in column 3, and kind on line 3 in column 5; the keys of one filter begin in the same column
    action: accept
    ^
`},
		"a filter one to the right": {head + " - kind: Pod\n   action: accept\n  - kind: Node\n    action: reject\n", `f.yaml:5:3: not valid YAML: this filter begins in column 3, and the one on line 3 in column 2; all filters begin in the same column
    - kind: Node
    ^
`},
		"a filter one to the left": {head + "  - kind: Pod\n    action: accept\n - kind: Node\n   action: reject\n", `f.yaml:5:2: not valid YAML: this filter begins in column 2, and the one on line 3 in column 3; all filters begin in the same column
   - kind: Node
   ^
`},
		"a star in brackets": {head + "  - kind: Pod\n    reasons: [*]\n    action: accept\n", `f.yaml:4:15: a value that starts with * is a YAML alias; put a glob in quotes
      reasons: [*]
                ^
`},
		"a star among others": {head + "  - kind: Pod\n    reasons: [BackOff, *]\n    action: accept\n", `f.yaml:4:24: a value that starts with * is a YAML alias; put a glob in quotes
      reasons: [BackOff, *]
                         ^
`},
		"a key without a colon": {head + "  - kind Pod\n    action: accept\n", `f.yaml:3:9: not valid YAML: a key without a colon; write kind: Pod
    - kind Pod
          ^
`},
		"the last key without a colon": {head + "  - kind: Pod\n    action accept\n", `f.yaml:4:11: not valid YAML: a key without a colon; write action: accept
      action accept
            ^
`},
		"the file's key without a colon": {"project p\nfilters:\n  - action: reject\n", `f.yaml:1:8: not valid YAML: a key without a colon; write project: p
  project p
         ^
`},
		"a colon without a space": {head + "  - kind:Pod\n    action: accept\n", `f.yaml:3:9: not valid YAML: no space after the colon; write kind: Pod
    - kind:Pod
          ^
`},
		"a non-breaking space after a colon": {head + "  - kind:\u00a0Pod\n    action: accept\n", `f.yaml:3:10: not valid YAML: a non-breaking space (U+00A0), which is text in YAML; replace it with an ordinary one
    - kind:�Pod
           ^
`},
		"a non-breaking space in the indentation": {head + "  - kind: Pod\n  \u00a0 action: accept\n", `f.yaml:4:3: not valid YAML: a non-breaking space (U+00A0), which is text in YAML; replace it with an ordinary one
    � action: accept
    ^
`},
		"a non-breaking space before a dash": {head + "  \u00a0- kind: Pod\n    action: accept\n", `f.yaml:3:3: not valid YAML: a non-breaking space (U+00A0), which is text in YAML; replace it with an ordinary one
    �- kind: Pod
    ^
`},
		"a template for a value": {head + "  - kind: {{ .Values.kind }}\n    action: accept\n", `f.yaml:3:11: filters[0].kind: a template that has not been rendered; check the output of the template: helm template CHART | k8s-gateway check -
    - kind: {{ .Values.kind }}
            ^
`},
		"a template around a filter": {head + "  {{- if .x }}\n  - kind: Pod\n    action: accept\n  {{- end }}\n", `f.yaml:3:3: not valid YAML: a template that has not been rendered; check the output of the template: helm template CHART | k8s-gateway check -
    {{- if .x }}
    ^
`},
		"a template for the list": {"project: p\nfilters: {{ toYaml .Values.filters | nindent 2 }}\n", `f.yaml:2:10: filters: a template that has not been rendered; check the output of the template: helm template CHART | k8s-gateway check -
  filters: {{ toYaml .Values.filters | nindent 2 }}
           ^
`},
	} {
		t.Run(name, func(t *testing.T) {
			got := report("f.yaml", []byte(test.content))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}
