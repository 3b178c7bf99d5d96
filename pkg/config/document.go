package config

import (
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
)

// config reads the whole file. Its result is valid only if it reports no faults.
func (r *reader) config(root *yaml.Node) *Config {
	allowed := fileKeys()
	if r.values {
		allowed = append(allowed, chartKeys()...)
	}
	top := r.mapping(root, "", allowed...)
	cfg := &Config{CommitRef: DefaultCommitRef, Limits: limit.DefaultLimits()}
	projectKnown := true
	if e, ok := top["project"]; ok {
		cfg.Project, projectKnown = r.project(e.value)
	}
	if e, ok := top["commitRef"]; ok {
		cfg.CommitRef = r.commitRef(e.value)
	}
	if e, ok := top["limits"]; ok {
		cfg.Limits = r.limits(e.value)
		r.warnAboutWait(e.value, cfg.Limits)
	}
	if e, ok := top["paused"]; ok {
		cfg.Limits.Paused = r.boolean(e.value, "paused")
	}
	var filters []*filterNode
	if e, ok := top["filters"]; ok {
		filters = r.filters(e.value)
	}
	if e, ok := top["destinations"]; ok {
		cfg.Destinations = r.destinations(e.value)
		r.resolveDestinations(filters, cfg.Destinations)
	} else {
		r.resolveDestinations(filters, nil)
	}
	if projectKnown {
		r.resolveProjects(filters, cfg.Project)
	}
	for _, f := range filters {
		if f.rule.Action == filter.Accept && f.rule.Destination == "" && f.rule.CommitRef == "" {
			f.rule.CommitRef = cfg.CommitRef
		}
	}
	cfg.Filters = r.compile(filters)
	if cfg.Filters != nil {
		r.warnAboutProject(top["project"].value, "project")
		r.warnAboutDestinations(top, cfg)
		r.warnAboutFilters(root, top, filters, cfg.Filters)
	}
	return cfg
}

// project reads the file's project, and reports whether it is valid.
func (r *reader) project(node *yaml.Node) (string, bool) {
	project, ok := r.text(node, "project")
	if !ok {
		return "", false
	}
	if err := checkProject(project); err != nil {
		r.refuse(at(node), "project", "%s", err)
		return "", false
	}
	return project, true
}

// commitRef reads the Git reference of builds.
func (r *reader) commitRef(node *yaml.Node) string {
	if ref := r.reference(node, "commitRef"); ref != "" {
		return ref
	}
	return DefaultCommitRef
}

// reference reads a Git reference. Of the characters that Git forbids in one it
// checks only white space, the likeliest mistake (git-check-ref-format(1)).
func (r *reader) reference(node *yaml.Node, path string) string {
	ref, _ := r.text(node, path)
	if strings.ContainsFunc(ref, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }) {
		r.refuse(at(node), path, "%q contains white space or invisible characters; write for example %s", ref, DefaultCommitRef)
	}
	return ref
}

// resolveProjects gives each filter that accepts and has no project the file's.
func (r *reader) resolveProjects(filters []*filterNode, project string) {
	for _, f := range filters {
		if f.rule.Action != filter.Accept || f.rule.Project != "" || f.broken["project"] || f.rule.Destination != "" || f.broken["destination"] {
			continue
		}
		if project == "" {
			p := at(f.node)
			if e, ok := f.entries["action"]; ok {
				p = at(e.value)
			}
			r.refuse(p, f.pathOf("project"), "no project to build; set project here, or at the top of the file for all filters, or a destination")
			continue
		}
		f.rule.Project = project
	}
}

// warnAboutFilters warns about probable mistakes.
func (r *reader) warnAboutFilters(root *yaml.Node, top map[string]entry, filters []*filterNode, compiled *filter.List) {
	if len(filters) == 0 {
		p := at(root)
		if e, ok := top["filters"]; ok {
			p = at(e.value)
		} else if r.values {
			return // the chart's own filters are in use
		}
		r.warn(p, "filters", "no filters; every Event is rejected and nothing is built")
		return
	}
	for _, s := range compiled.Shadowed() {
		f := filters[s.Index]
		r.warn(at(f.node), f.path, "can never match: %s; remove it, or move it up", s.Why)
	}
	for _, f := range filters {
		r.warnAboutScope(f)
		r.warnAboutValues(f)
		r.warnAboutProject(f.entries["project"].value, f.pathOf("project"))
		r.warnAboutWindow(f)
	}
	r.warnAboutFirst(root, filters)
	first := filters[0]
	if first.rule.Action == filter.Accept && compiled.MatchesAll(0) {
		r.warn(at(first.node), first.path, "accepts every Event, so each one starts a build; add a condition, or put filters that reject above it")
	}
}

// warnAboutScope warns about a filter with a cluster-scoped kind and without a
// scope, which accepts any object that claims to be of that kind.
func (r *reader) warnAboutScope(f *filterNode) {
	e, ok := f.entries["kind"]
	if !ok || f.rule.Scope != filter.AnyScope {
		return
	}
	if scope, ok := f.entries["scope"]; ok && scope.value.Value != "" {
		return // any scope, as the file says
	}
	for _, node := range itemsOf(e.value) {
		if !filter.ClusterScoped(node.Value) {
			continue
		}
		inNamespace := slices.ContainsFunc(f.rule.Namespace, func(namespace string) bool { return strings.Trim(namespace, "*") != "" })
		switch {
		case inNamespace:
			r.warn(at(node), f.pathOf("kind"), "a %s has no namespace, so only Events that falsely claim one match; remove namespace and add scope: Cluster", node.Value)
		case len(f.rule.Kind) > 1:
			r.warn(at(node), f.pathOf("kind"), "%s is a cluster-scoped kind, but users who can create Events in a namespace can claim one there; "+
				"put it in a filter of its own with scope: Cluster", node.Value)
		default:
			r.warn(at(node), f.pathOf("kind"), "%s is a cluster-scoped kind, but users who can create Events in a namespace can claim one there; add scope: Cluster",
				node.Value)
		}
	}
}
