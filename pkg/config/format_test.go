package config

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestReadPlacesFaultsInTheFileAsItIs(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		format  Format
		want    string
	}{
		"a filter file": {"filters:\n  - kind: Pod\n    action: acept\n", FilterFile, `f.yaml:3:13: filters[0].action: unknown action "acept"; allowed are accept and reject
      action: acept
              ^
`},
		"Helm values": {"replicas: 1\nproject: p\nfilters:\n  - kind: Pod\n    action: acept\nwatch:\n  namespaces: [pequod]\n", HelmValues, `f.yaml:5:13: filters[0].action: unknown action "acept"; allowed are accept and reject
      action: acept
              ^
`},
		"Helm values with a misspelled key": {"replicas: 1\nproject: p\nfiltesr: []\n", HelmValues, `f.yaml:3:1: filtesr: unknown key (did you mean "filters"?); allowed are those that helm show values prints
  filtesr: []
  ^
`},
		"Helm values without filters, which get the chart's": {"replicas: 1\nproject: p\n", HelmValues, ""},
		"a ConfigMap with a block": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: gateway\ndata:\n  filters.yaml: |\n    project: p\n    filters:\n      # Pods\n      - kind: Pod\n        action: acept\n", ConfigMap, `f.yaml:11:17: filters[0].action: unknown action "acept"; allowed are accept and reject
          action: acept
                  ^
`},
		"a ConfigMap with a block that is not YAML": {"apiVersion: v1\nkind: ConfigMap\ndata:\n  filters.yaml: |\n    project: p\n    filters:\n      - kind Pod\n        action: accept\n", ConfigMap, `f.yaml:7:13: not valid YAML: a key without a colon; write kind: Pod
        - kind Pod
              ^
`},
		"a ConfigMap with a quoted text": {"apiVersion: v1\nkind: ConfigMap\ndata:\n  filters.json: \"{\\\"project\\\": \\\"p\\\",\\n  \\\"filters\\\": [{\\\"action\\\": \\\"acept\\\"}]}\"\n", ConfigMap, `f.yaml:4:69: filters[0].action: unknown action "acept"; allowed are accept and reject
    filters.json: "{\"project\": \"p\",\n  \"filters\": [{\"action\": \"acept\"}]}"
                                                                      ^
`},
		"a ConfigMap in JSON": {"{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"data\": {\"filters.yaml\": \"project: p\\nfilters:\\n  - kind: Pod\\n    action: acept\\n\"}}", ConfigMap, `f.yaml:1:118: filters[0].action: unknown action "acept"; allowed are accept and reject
  rsion": "v1", "kind": "ConfigMap", "data": {"filters.yaml": "project: p\nfilters:\n  - kind: Pod\n    action: acept\n"}}
                                                                                                                ^
`},
		"an expression in a block in a block": {"apiVersion: v1\nkind: ConfigMap\ndata:\n  filters.yaml: |\n    project: p\n    filters:\n      - expression: |\n          count > 1 &&\n            event.raeson == \"BackOff\"\n        action: accept\n", ConfigMap, `f.yaml:9:19: filters[0].expression: undefined field 'raeson'; event has action, count, eventTime, firstTimestamp, involvedObject, lastTimestamp, message, metadata, reason, related, reportingComponent, reportingInstance, series, source, type
              event.raeson == "BackOff"
                    ^
`},
		"what Helm prints of a chart": {"---\napiVersion: v1\nkind: ServiceAccount\n---\napiVersion: v1\nkind: ConfigMap\ndata:\n  filters.yaml: |\n    filters:\n      - kind: pod\n        action: reject\n---\napiVersion: apps/v1\nkind: Deployment\n", ConfigMap, `f.yaml:10:15: warning: filters[0].kind: no object has the kind "pod"; write Pod
        - kind: pod
                ^
`},
		"a List of kubectl": {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    filters.yaml: |\n      filters:\n        - kind: pod\n          action: reject\n", ConfigMap, `f.yaml:9:17: warning: filters[0].kind: no object has the kind "pod"; write Pod
          - kind: pod
                  ^
`},
		"a manifest without filters": {"apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: v1\nkind: ConfigMap\ndata:\n  dashboard.json: '{\"panels\": []}'\n", ConfigMap, `f.yaml:1:1: no ConfigMap with a filter file in its data, but ConfigMap, Deployment; a filter file has the key filters, and a name that ends in .yaml, .yml or .json
  apiVersion: apps/v1
  ^
`},
		"the filter file again, as the chart's hook has it": {"apiVersion: v1\nkind: ConfigMap\ndata:\n  filters.yaml: |\n    filters: [{kind: pod, action: reject}]\n---\napiVersion: v1\nkind: ConfigMap\ndata:\n  filters.yaml: |\n    filters: [{kind: pod, action: reject}]\n\n", ConfigMap, `f.yaml:5:22: warning: filters[0].kind: no object has the kind "pod"; write Pod
      filters: [{kind: pod, action: reject}]
                       ^
`},
		"two filter files": {"apiVersion: v1\nkind: ConfigMap\ndata:\n  filters.yaml: |\n    filters: []\n  other.yaml: |\n    filters: [{action: reject}]\n", ConfigMap, `f.yaml:6:15: a second filter file, the first is on line 4; check one at a time
    other.yaml: |
                ^
`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, format, err := Read("f.yaml", []byte(test.content))
			if format != test.format {
				t.Errorf("read as %s, want %s", format, test.format)
			}
			got := ""
			if err != nil {
				got = err.Error() + "\n"
			} else {
				for _, w := range cfg.Warnings {
					got += w.String() + "\n"
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheGatewayTakesFilterFilesOnly(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"Helm values": {"replicas: 1\nproject: p\nfilters: []\n", `f.yaml:1:1: this is a file of Helm values, and the gateway reads filter files; pass the content of the ConfigMap, with the keys project, commitRef, destinations, filters, limits, paused (k8s-gateway check reads all three)
  replicas: 1
  ^`},
		"a manifest": {"apiVersion: v1\nkind: ConfigMap\ndata: {}\n", `f.yaml:1:1: this is a manifest of kind ConfigMap, and the gateway reads filter files; pass the content of the ConfigMap, with the keys project, commitRef, destinations, filters, limits, paused (k8s-gateway check reads all three)
  apiVersion: v1
  ^`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(test.content))
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

// A key that the chart has and Read does not know would be a fault in the
// values of every user.
func TestReadKnowsTheKeysOfTheChart(t *testing.T) {
	data, err := os.ReadFile("../../charts/brigade-k8s-gateway/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	for key := range values {
		if !slices.Contains(fileKeys(), key) && !slices.Contains(chartKeys(), key) {
			t.Errorf("add %q to chartKeys in format.go", key)
		}
	}
}

func TestOutOfTheOrdinary(t *testing.T) {
	const pods = "filters:\n  - kind: Pod\n    action: accept\n"
	for name, test := range map[string]struct{ content, want string }{
		"builds that wait for hours": {"project: p\n" + pods + "limits:\n  buildsPerMinute: 10\n", `no faults
f.yaml:6:20: warning: limits: the last of 1000 waiting builds starts after 98 minutes at 10 a minute, and Kubernetes keeps an Event for 60: a restart then loses what still waits; write queued: 450 or less, or raise buildsPerMinute
    buildsPerMinute: 10
                     ^
`},
		"a queue beyond what the default pace builds": {"project: p\n" + pods + "limits:\n  queued: 20000\n", `no faults
f.yaml:6:11: warning: limits: the last of 20000 waiting builds starts after 333 minutes at 60 a minute, and Kubernetes keeps an Event for 60: a restart then loses what still waits; write queued: 2700 or less, or raise buildsPerMinute
    queued: 20000
            ^
`},
		"a window longer than builds are kept": {"project: p\n" + pods + "    oncePer: 721h\n", `no faults
f.yaml:5:14: warning: filters[0].oncePer: 721h is longer than Brigade's vacuum keeps builds, 720h unless its chart says otherwise: after that the next Event builds again; write 720h or less
      oncePer: 721h
               ^
`},
		"a window as long as builds are kept": {"project: p\n" + pods + "    oncePer: 720h\n", `no faults
`},
		"a project ID one digit short": {"project: brigade-830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043a\n" + pods, "no faults\nf.yaml:1:10: warning: project: a project ID has 54 digits after brigade-, this one 53; copy it from `brig project list`\n  project: brigade-830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043a\n           ^\n"},
		"a project ID with a letter":   {"project: brigade-830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043xa\n" + pods, "no faults\nf.yaml:1:10: warning: project: a project ID is made of the digits 0 to 9 and a to f after brigade-; copy it from `brig project list`\n  project: brigade-830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043xa\n           ^\n"},
		"a project ID without its beginning": {"project: 830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043ac\n" + pods, `no faults
f.yaml:1:10: warning: project: this is a project ID without its beginning; write brigade-830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043ac
  project: 830c16d4aaf6f5490937ad719afd8490a5bcbef064d397411043ac
           ^
`},
		"the URL of a repository":     {"project: https://github.com/deis/empty-testbed.git\n" + pods, "no faults\nf.yaml:1:10: warning: project: \"https://github.com/**********************\" is the address of a repository, and a project has a name such as deis/empty-testbed; copy it from `brig project list`\n  project: https://github.com/**********************\n           ^\n"},
		"the address of a repository": {"project: git@github.com:deis/empty-testbed.git\n" + pods, "no faults\nf.yaml:1:10: warning: project: \"git@github.com:deis/empty-testbed.git\" is the address of a repository, and a project has a name such as deis/empty-testbed; copy it from `brig project list`\n  project: git@github.com:deis/empty-testbed.git\n           ^\n"},
		"a variable of the shell":     {"project: $PROJECT\n" + pods, "no faults\nf.yaml:1:10: warning: project: \"$PROJECT\" is a placeholder that was not replaced; write the project's name, as `brig project list` shows it\n  project: $PROJECT\n           ^\n"},
		"a placeholder":               {"project: <project>\n" + pods, "no faults\nf.yaml:1:10: warning: project: \"<project>\" is a placeholder that was not replaced; write the project's name, as `brig project list` shows it\n  project: <project>\n           ^\n"},
		"a glob for a project":        {"project: deis/*\n" + pods, "no faults\nf.yaml:1:10: warning: project: \"deis/*\" names one project, and * and ? are ordinary characters here; write its name, as `brig project list` shows it\n  project: deis/*\n           ^\n"},
		"a filter's project":          {"filters:\n  - kind: Pod\n    action: accept\n    project: $PROJECT\n", "no faults\nf.yaml:4:14: warning: filters[0].project: \"$PROJECT\" is a placeholder that was not replaced; write the project's name, as `brig project list` shows it\n      project: $PROJECT\n               ^\n"},
		"a project by name": {"project: deis/empty-testbed\n" + pods, `no faults
`},
		"the same conditions for another project": {"project: p\n" + pods + "  - kind: Pod\n    action: accept\n    project: q\n", `no faults
f.yaml:5:5: warning: filters[1]: can never match: filters[0] has the same conditions and decides first, for project p; remove it, or move it up
    - kind: Pod
      ^
`},
		"the same conditions with another window": {"project: p\n" + pods + "  - kind: Pod\n    action: accept\n    oncePer: 1h\n", `no faults
f.yaml:5:5: warning: filters[1]: can never match: filters[0] has the same conditions and decides first, with another oncePer; remove it, or move it up
    - kind: Pod
      ^
`},
		"a repetition": {"project: p\n" + pods + "  - kind: Pod\n    action: accept\n", `no faults
f.yaml:5:5: warning: filters[1]: can never match: it repeats filters[0]; remove it, or move it up
    - kind: Pod
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
