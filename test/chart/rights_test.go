package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

// All rights of a release's account. SECURITY.md lists the same.
func TestRights(t *testing.T) {
	run := func(name string) []string {
		return []string{
			"brigade: create configmaps",
			"brigade: create events",
			"brigade: create leases.coordination.k8s.io",
			"brigade: get configmaps " + name + "-position",
			"brigade: get leases.coordination.k8s.io " + name,
			"brigade: list leases.coordination.k8s.io " + name,
			"brigade: patch events",
			"brigade: update configmaps " + name + "-position",
			"brigade: update leases.coordination.k8s.io " + name,
			"brigade: watch leases.coordination.k8s.io " + name,
		}
	}
	const name = release + "-brigade-k8s-gateway"
	tests := map[string]struct {
		account string
		want    []string
	}{
		"minimal": {account: name, want: append(run(name),
			"*: list events",
			"*: watch events",
			"brigade: create secrets",
		)},
		// No right to create Secrets: every filter sends to a destination.
		"destinations": {account: name, want: append(run(name),
			"*: list events",
			"*: watch events",
		)},
		"observe": {account: name, want: append(run(name),
			"*: list events",
			"*: watch events",
			"brigade: create secrets",
		)},
		"mirror": {account: name, want: append(run(name),
			"*: list events",
			"*: watch events",
			"brigade: create secrets",
		)},
		"openshift": {account: name, want: append(run(name),
			"*: list events",
			"*: watch events",
			"brigade: create secrets",
		)},
		"hardened": {account: name, want: append(run(name),
			"default: list events",
			"default: watch events",
			"brigade: create secrets",
			"brigade: list pods",
			"brigade: watch pods",
		)},
		"namespaces": {account: name, want: append(run(name),
			"ahab: list events",
			"ahab: watch events",
			"pequod: list events",
			"pequod: watch events",
			"brigade: create secrets",
			"brigade: list pods",
			"brigade: watch pods",
		)},
		"everything": {account: "events", want: append(run("gateway"),
			"*: list events",
			"*: watch events",
			"brigade: create secrets",
			"brigade: list pods",
			"brigade: watch pods",
		)},
		"bare":  {account: "events"},
		"first": {account: name},
	}
	for set, values := range valueSets(t) {
		t.Run(set, func(t *testing.T) {
			test, ok := tests[set]
			if !ok {
				t.Fatal("no wanted rights for this value set")
			}
			slices.Sort(test.want)
			got := rights(t, render(t, "--values", values), namespace, test.account)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// rights returns the rights of the ServiceAccount by the rendered roles and bindings,
// one verb and resource a line. It fails if a role is bound to another subject, or not
// at all.
func rights(t *testing.T, rendered, namespace, account string) []string {
	t.Helper()
	rules := map[string][]rbacv1.PolicyRule{}
	for _, role := range objects[rbacv1.Role](t, rendered, "Role") {
		rules[role.Namespace+"/"+role.Name] = role.Rules
	}
	for _, role := range objects[rbacv1.ClusterRole](t, rendered, "ClusterRole") {
		rules["*/"+role.Name] = role.Rules
	}
	bindings := objects[rbacv1.RoleBinding](t, rendered, "RoleBinding")
	for _, b := range objects[rbacv1.ClusterRoleBinding](t, rendered, "ClusterRoleBinding") {
		b.Namespace = "*"
		bindings = append(bindings, rbacv1.RoleBinding(b))
	}

	var granted []string
	for _, b := range bindings {
		subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: account}}
		if diff := cmp.Diff(subjects, b.Subjects); diff != "" {
			t.Errorf("binding %s/%s (-want +got):\n%s", b.Namespace, b.Name, diff)
		}
		role := b.Namespace + "/" + b.RoleRef.Name
		for _, rule := range rules[role] {
			granted = append(granted, grants(b.Namespace, rule)...)
		}
		delete(rules, role)
	}
	for role := range rules {
		t.Errorf("role %s is not bound", role)
	}
	slices.Sort(granted)
	return granted
}

func grants(namespace string, rule rbacv1.PolicyRule) []string {
	var lines []string
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			if group != "" {
				resource += "." + group
			}
			for _, verb := range rule.Verbs {
				lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", namespace, verb, resource, strings.Join(rule.ResourceNames, " "))))
			}
		}
	}
	return lines
}
