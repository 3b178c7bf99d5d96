package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValuesThatNoEventHas(t *testing.T) {
	for name, test := range map[string]struct {
		filter string
		want   string
	}{
		"a choice of namespaces as regular expressions write it": {`namespace: prod|staging`, `filters.yaml:3:16: warning: filters[0].namespace: "prod|staging" is one value and not a choice; write a list: [prod, staging]
    - namespace: prod|staging
                 ^
`},
		"a choice of kinds": {`kind: Pod|Job`, `filters.yaml:3:11: warning: filters[0].kind: "Pod|Job" is one value and not a choice; write a list: [Pod, Job]
    - kind: Pod|Job
            ^
`},
		"an anchored regular expression": {`namespace: ^prod-.*$`, `filters.yaml:3:16: warning: filters[0].namespace: "^prod-.*$" is a regular expression, and only * and ? are wildcards here; write prod-*
    - namespace: ^prod-.*$
                 ^
`},
		"a regular expression that no glob says": {`name: web-[0-9]+`, `filters.yaml:3:11: warning: filters[0].name: "web-[0-9]+" is a regular expression, and only * and ? are wildcards here; write web-*, or write expression: event.involvedObject.name.matches("^web-[0-9]+$")
    - name: web-[0-9]+
            ^
`},
		"a group of reasons": {`reasons: ["(BackOff|Failed)"]`, `filters.yaml:3:15: warning: filters[0].reasons[0]: "(BackOff|Failed)" is one value and not a choice; write each as an item of the list: BackOff, Failed
    - reasons: ["(BackOff|Failed)"]
                ^
`},
		"a negated namespace": {`namespace: "!kube-system"`, `filters.yaml:3:16: warning: filters[0].namespace: "!kube-system" does not negate; write except: {namespace: kube-system}
    - namespace: "!kube-system"
                 ^
`},
		"a negated reason": {`reasons: ["!Killing"]`, `filters.yaml:3:15: warning: filters[0].reasons[0]: "!Killing" does not negate; write except: {reasons: [Killing]}
    - reasons: ["!Killing"]
                ^
`},
		"a negative lookahead": {`namespace: "^(?!kube-).*$"`, `filters.yaml:3:16: warning: filters[0].namespace: "^(?!kube-).*$" does not negate; write except: {namespace: kube-*}
    - namespace: "^(?!kube-).*$"
                 ^
`},
		"namespaces with commas between them": {`namespace: prod,staging`, `filters.yaml:3:16: warning: filters[0].namespace: "prod,staging" is one value and not a choice; write a list: [prod, staging]
    - namespace: prod,staging
                 ^
`},
		"reasons with a comma in one text": {`reasons: ["BackOff, Failed"]`, `filters.yaml:3:15: warning: filters[0].reasons[0]: "BackOff, Failed" is one value and not a choice; write each as an item of the list: BackOff, Failed
    - reasons: ["BackOff, Failed"]
                ^
`},
		"a kind in lower case": {`kind: pod`, `filters.yaml:3:11: warning: filters[0].kind: no object has the kind "pod"; write Pod
    - kind: pod
            ^
`},
		"a resource for a kind": {`kind: pods`, `filters.yaml:3:11: warning: filters[0].kind: no object has the kind "pods"; write Pod
    - kind: pods
            ^
`},
		"the short name of a resource": {`kind: deploy`, `filters.yaml:3:11: warning: filters[0].kind: no object has the kind "deploy"; write Deployment
    - kind: deploy
            ^
`},
		"group, version and kind": {`kind: apps/v1/Deployment`, `filters.yaml:3:11: warning: filters[0].kind: "apps/v1/Deployment" names more than a kind; write Deployment
    - kind: apps/v1/Deployment
            ^
`},
		"resource and group": {`kind: deployments.apps`, `filters.yaml:3:11: warning: filters[0].kind: "deployments.apps" names more than a kind; write Deployment
    - kind: deployments.apps
            ^
`},
		"kind, version and group": {`kind: Deployment.v1.apps`, `filters.yaml:3:11: warning: filters[0].kind: "Deployment.v1.apps" names more than a kind; write Deployment
    - kind: Deployment.v1.apps
            ^
`},
		"a space after the value": {`kind: "Pod "`, `filters.yaml:3:11: warning: filters[0].kind: "Pod " begins or ends with white space, which no kind does; write Pod
    - kind: "Pod "
            ^
`},
		"quotation marks of a word processor": {`namespace: “pequod”`, `filters.yaml:3:16: warning: filters[0].namespace: the quotation mark “ is part of the value, and no namespace contains one; write pequod
    - namespace: “pequod”
                 ^
`},
		"a non-breaking space": {"namespace: \"peq\u00a0uod\"", `filters.yaml:3:16: warning: filters[0].namespace: contains the white space U+00A0, and no namespace contains any; write a list: [peq, uod]
    - namespace: "peq�uod"
                 ^
`},
		"a character without a shape": {"namespace: \"peq\u200buod\"", `filters.yaml:3:16: warning: filters[0].namespace: contains the invisible character U+200B; write pequod
    - namespace: "peq�uod"
                 ^
`},
		"a namespace with a capital": {`namespace: Prod`, `filters.yaml:3:16: warning: filters[0].namespace: a namespace is in lower case; write prod
    - namespace: Prod
                 ^
`},
		"a namespace with an underscore": {`namespace: my_ns`, `filters.yaml:3:16: warning: filters[0].namespace: no Event is about a namespace with the character "_" in its name; only lower-case letters, digits and - are allowed there
    - namespace: my_ns
                 ^
`},
		"namespace and name in one": {`name: pequod/web-0`, `filters.yaml:3:11: warning: filters[0].name: "pequod/web-0" is namespace and name in one; write namespace: pequod and name: web-0
    - name: pequod/web-0
            ^
`},
		"kind and name in one": {`name: pod/web-0`, `filters.yaml:3:11: warning: filters[0].name: "pod/web-0" is kind and name in one; write kind: Pod and name: web-0
    - name: pod/web-0
            ^
`},
		"the wildcard of SQL": {`name: web-%`, `filters.yaml:3:11: warning: filters[0].name: % is an ordinary character here, and no name contains one; write web-*
    - name: web-%
            ^
`},
		"a label selector": {`name: app=web`, `filters.yaml:3:11: warning: filters[0].name: "app=web" is a label selector, and an Event does not carry the labels of its object; write a name
    - name: app=web
            ^
`},
		"a template": {`namespace: "{{ .Values.ns }}"`, `filters.yaml:3:16: warning: filters[0].namespace: "{{ .Values.ns }}" is a placeholder that was not replaced; write the namespace itself
    - namespace: "{{ .Values.ns }}"
                 ^
`},
		"a variable of the shell": {`namespace: $NAMESPACE`, `filters.yaml:3:16: warning: filters[0].namespace: "$NAMESPACE" is a placeholder that was not replaced; write the namespace itself
    - namespace: $NAMESPACE
                 ^
`},
		"the state of a container": {`reasons: [CrashLoopBackOff]`, `filters.yaml:3:15: warning: filters[0].reasons[0]: CrashLoopBackOff is a state that kubectl get pods shows, and not the reason of any Event; write BackOff
    - reasons: [CrashLoopBackOff]
                ^
`},
		"a state that comes with several reasons": {`reasons: [OOMKilled]`, `filters.yaml:3:15: warning: filters[0].reasons[0]: OOMKilled is a state that kubectl get pods shows, and not the reason of any Event; write each as an item of the list: BackOff, SystemOOM, OOMKilling
    - reasons: [OOMKilled]
                ^
`},
		"a reason in lower case": {`reasons: [backoff]`, `filters.yaml:3:15: warning: filters[0].reasons[0]: case matters; write BackOff
    - reasons: [backoff]
                ^
`},
		"the process of the scheduler": {`component: kube-scheduler`, `filters.yaml:3:16: warning: filters[0].component: the scheduler reports Events as default-scheduler; write default-scheduler
    - component: kube-scheduler
                 ^
`},
		"the process of the controllers": {`component: kube-controller-manager`, `filters.yaml:3:16: warning: filters[0].component: its controllers report Events under their own names; write for example job-controller, or "*-controller"
    - component: kube-controller-manager
                 ^
`},
		"a component with a capital": {`component: Kubelet`, `filters.yaml:3:16: warning: filters[0].component: case matters; write kubelet
    - component: Kubelet
                 ^
`},
		"a component with its host": {`component: kubelet, node-1`, `filters.yaml:3:16: warning: filters[0].component: "kubelet, node-1" is component and host as kubectl describe prints them; write kubelet
    - component: kubelet, node-1
                 ^
`},
		"a kind with a letter too many": {`kind: StatefullSet`, `filters.yaml:3:11: warning: filters[0].kind: no object of Kubernetes itself has the kind "StatefullSet" (did you mean StatefulSet?)
    - kind: StatefullSet
            ^
`},
		"an unknown kind in lower case": {`kind: certificate`, `filters.yaml:3:11: warning: filters[0].kind: a kind begins with a capital letter, and case matters; write Certificate
    - kind: certificate
            ^
`},
		"a choice of a shell inside a name": {`name: "{web,api}-*"`, `filters.yaml:3:11: warning: filters[0].name: "{web,api}-*" is one value, and { } are ordinary characters; write a list: [web-*, api-*]
    - name: "{web,api}-*"
            ^
`},
		"a choice of a shell": {`namespace: "{prod,staging}"`, `filters.yaml:3:16: warning: filters[0].namespace: "{prod,staging}" is one value and not a choice; write a list: [prod, staging]
    - namespace: "{prod,staging}"
                 ^
`},
		"a class of characters": {`name: "web-[abc]"`, `filters.yaml:3:11: warning: filters[0].name: "web-[abc]" is a regular expression, and only * and ? are wildcards here; write web-?, or write expression: event.involvedObject.name.matches("^web-[abc]$")
    - name: "web-[abc]"
            ^
`},
		"a dot before the star": {`name: "web-.*"`, `filters.yaml:3:11: warning: filters[0].name: "web-.*" is a regular expression, and only * and ? are wildcards here; write web-*
    - name: "web-.*"
            ^
`},
		"a regular expression between slashes": {`name: /^web-/`, `filters.yaml:3:11: warning: filters[0].name: "/^web-/" is a regular expression, and only * and ? are wildcards here; write web-*
    - name: /^web-/
            ^
`},
		"what Brigade calls an Event": {`kind: Pod:BackOff`, `filters.yaml:3:11: warning: filters[0].kind: "Pod:BackOff" is kind and reason in one; write kind: Pod and reasons: [BackOff]
    - kind: Pod:BackOff
            ^
`},
		"a group inside a name": {`name: "web-(a|b)-.*"`, `filters.yaml:3:11: warning: filters[0].name: "web-(a|b)-.*" is a regular expression, and only * and ? are wildcards here; write a list: [web-a-*, web-b-*]
    - name: "web-(a|b)-.*"
            ^
`},
		"namespaces with a space between them": {`namespace: prod staging`, `filters.yaml:3:16: warning: filters[0].namespace: "prod staging" is one value and not a choice; write a list: [prod, staging]
    - namespace: prod staging
                 ^
`},
		"reasons with a word between them": {`reasons: ["BackOff or Failed"]`, `filters.yaml:3:15: warning: filters[0].reasons[0]: "BackOff or Failed" is one value and not a choice; write each as an item of the list: BackOff, Failed
    - reasons: ["BackOff or Failed"]
                ^
`},
		"a negated kind": {`kind: "!Pod"`, `filters.yaml:3:11: warning: filters[0].kind: "!Pod" does not negate; write except: {kind: Pod}
    - kind: "!Pod"
            ^
`},
		"the name of a Pod with a capital": {"name: Web-0\n    kind: Pod", `filters.yaml:3:11: warning: filters[0].name: the name of a Pod is in lower case; write web-0
    - name: Web-0
            ^
`},
		"a glob is right":                {"name: web-*\n    kind: Pod", ""},
		"a name of RBAC may have colons": {"name: 'system:kube-*'\n    kind: Role", ""},
		"a namespace that is cut off": {"namespace: kube-", `filters.yaml:3:16: warning: filters[0].namespace: a namespace begins and ends with a letter or a digit; write a * where more is to follow: kube-*
    - namespace: kube-
                 ^
`},
		"an escaped dot": {`name: web\..*`, `filters.yaml:3:11: warning: filters[0].name: "web\\..*" is a regular expression, and only * and ? are wildcards here; write web.*
    - name: web\..*
            ^
`},
		"a negation in words": {`namespace: not kube-system`, `filters.yaml:3:16: warning: filters[0].namespace: "not kube-system" does not negate; write except: {namespace: kube-system}
    - namespace: not kube-system
                 ^
`},
		"a Node in a namespace": {"kind: Node\n    namespace: pequod", `filters.yaml:3:11: warning: filters[0].kind: a Node has no namespace, so only Events that falsely claim one match; remove namespace and add scope: Cluster
    - kind: Node
            ^
`},
	} {
		t.Run(name, func(t *testing.T) {
			got := report("filters.yaml", []byte("project: p\nfilters:\n  - "+test.filter+"\n    action: accept\n"))
			got = strings.TrimPrefix(got, "no faults\n")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}
