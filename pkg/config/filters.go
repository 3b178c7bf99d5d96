package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// filterNode is one filter and its position in the file.
type filterNode struct {
	path    string
	node    *yaml.Node
	entries map[string]entry
	rule    filter.Rule
	// broken has the keys that were refused. No further faults of them are
	// reported.
	broken map[string]bool
}

// conditionKeys are the keys of a filter, and of its exception, that match.
func conditionKeys() []string {
	return []string{"namespace", "kind", "scope", "reasons", "name", "type", "component", "expression"}
}

// filterKeys are the keys of one filter: conditions first, then the outcome.
func filterKeys() []string {
	return append(conditionKeys(), "except", "id", "action", "destination", "project", "commitRef", "logLevel", "oncePer", "groupBy")
}

// filters reads the `filters` section.
func (r *reader) filters(node *yaml.Node) []*filterNode {
	items, _ := r.sequence(node, "filters", "filters")
	filters := make([]*filterNode, len(items))
	for i, item := range items {
		f := &filterNode{path: filter.Path(i), node: item, broken: map[string]bool{}}
		r.filter(f)
		filters[i] = f
	}
	return filters
}

// filter reads one filter.
func (r *reader) filter(f *filterNode) {
	if isNull(f.node) {
		r.refuse(at(f.node), f.path, "an empty filter; give it at least an action, or remove the -")
		f.broken["action"] = true
		return
	}
	f.entries = r.mapping(f.node, f.path, filterKeys()...)
	r.textOf(f, "id", &f.rule.ID)
	var own filter.Except
	r.conditions(f, "", &own)
	f.rule.Namespace, f.rule.Kind, f.rule.Scope, f.rule.Reasons = own.Namespace, own.Kind, own.Scope, own.Reasons
	f.rule.Name, f.rule.Type, f.rule.Component, f.rule.Expression = own.Name, own.Type, own.Component, own.Expression
	r.except(f)
	r.outcome(f)
}

// except reads the `except` block. Its keys are entries of the filter too, with
// their path.
func (r *reader) except(f *filterNode) {
	e, ok := f.entries["except"]
	if !ok || isNull(e.value) {
		return
	}
	faults := len(r.faults)
	for key, inner := range r.mapping(e.value, f.pathOf("except"), conditionKeys()...) {
		f.entries["except."+key] = inner
	}
	if len(r.faults) > faults {
		f.broken["except"] = true
	}
	f.rule.Except = &filter.Except{}
	r.conditions(f, "except.", f.rule.Except)
}

// conditions reads the keys by which a filter or its exception matches.
func (r *reader) conditions(f *filterNode, prefix string, own *filter.Except) {
	for _, t := range []struct {
		key  string
		into *[]string
	}{
		{"namespace", &own.Namespace},
		{"kind", &own.Kind},
		{"name", &own.Name},
		{"type", &own.Type},
		{"component", &own.Component},
		{"reasons", &own.Reasons},
	} {
		r.globs(f, prefix, t.key, t.into)
	}
	r.textOf(f, prefix+"expression", &own.Expression)
	if strings.TrimSpace(own.Expression) == "" {
		own.Expression = ""
	}
	var scope string
	r.textOf(f, prefix+"scope", &scope)
	var err error
	if own.Scope, err = filter.ParseScope(scope); err != nil {
		r.refuseKey(f, prefix+"scope", "%s", err)
	}
}

// textOf reads a key with a text value. It returns "" if the filter does not have it.
func (r *reader) textOf(f *filterNode, key string, into *string) {
	e, ok := f.entries[key]
	if !ok {
		return
	}
	if *into, ok = r.text(e.value, f.pathOf(key)); !ok {
		f.broken[key] = true
	}
}

// globs reads a key that takes a list of globs or, except for reasons, a single
// one.
func (r *reader) globs(f *filterNode, prefix, key string, into *[]string) {
	e, ok := f.entries[prefix+key]
	if !ok {
		return
	}
	path := f.pathOf(prefix + key)
	if key != "reasons" && e.value.Kind != yaml.SequenceNode {
		text, ok := r.text(e.value, path)
		if !ok {
			f.broken[prefix+key] = true
		} else if text != "" {
			*into = []string{text}
		}
		return
	}
	items, ok := r.sequence(e.value, path, "reasons")
	if !ok {
		f.broken[prefix+key] = true
		return
	}
	for i, item := range items {
		text, ok := r.text(item, fmt.Sprintf("%s[%d]", path, i))
		if !ok {
			f.broken[prefix+key] = true
		}
		*into = append(*into, text)
	}
	if len(items) == 0 && !isNull(e.value) {
		r.warn(at(e.value), path, "an empty list of %s matches any %s; name some, or remove the key", plural(key), strings.TrimSuffix(key, "s"))
	}
}

// plural returns the noun for several values of a key.
func plural(key string) string {
	return strings.TrimSuffix(key, "s") + "s"
}

// outcome reads the keys that say what the filter does with an Event. It does not
// report a missing action if the filter is not a mapping, or has a key that looks
// like a misspelled action.
func (r *reader) outcome(f *filterNode) {
	var action, oncePer string
	r.textOf(f, "action", &action)
	if e, ok := f.entries["oncePer"]; ok && e.value.ShortTag() == "!!int" {
		oncePer = e.value.Value // 10 is not a duration, with or without quotes
	} else {
		r.textOf(f, "oncePer", &oncePer)
	}
	r.textOf(f, "destination", &f.rule.Destination)
	r.textOf(f, "project", &f.rule.Project)
	if e, ok := f.entries["commitRef"]; ok {
		f.rule.CommitRef = r.reference(e.value, f.pathOf("commitRef"))
	}
	r.logLevel(f)
	var err error
	switch {
	case f.broken["action"]:
	case action != "":
		if f.rule.Action, err = filter.ParseAction(action); err != nil {
			r.refuseKey(f, "action", "%s", err)
		}
	case f.node.Kind != yaml.MappingNode || misspelled(f.node, "action"):
		f.broken["action"] = true
	default:
		r.refuseKey(f, "action", "missing; write action: accept or action: reject")
	}
	if f.rule.OncePer, err = filter.ParseOncePer(oncePer); err != nil {
		r.refuseKey(f, "oncePer", "%s", err)
	}
	r.groupBy(f)
	if err := checkProject(f.rule.Project); err != nil {
		r.refuseKey(f, "project", "%s", err)
	}
}

// logLevel reads the `logLevel` key.
func (r *reader) logLevel(f *filterNode) {
	var level string
	r.textOf(f, "logLevel", &level)
	var err error
	if f.rule.LogLevel, err = filter.ParseLogLevel(level); err != nil {
		r.refuseKey(f, "logLevel", "%s", err)
	}
}

// groupBy reads the `groupBy` key. An empty list is a group of all Events of a
// window.
func (r *reader) groupBy(f *filterNode) {
	e, ok := f.entries["groupBy"]
	if !ok || isNull(e.value) {
		return
	}
	items, ok := r.sequence(e.value, f.pathOf("groupBy"), "keys")
	if !ok {
		f.broken["groupBy"] = true
		return
	}
	group := filter.Group(0).All()
	for i, item := range items {
		path := fmt.Sprintf("%s[%d]", f.pathOf("groupBy"), i)
		key, ok := r.text(item, path)
		if !ok {
			f.broken["groupBy"] = true
			continue
		}
		var err error
		if group, err = group.With(key); err != nil {
			f.broken["groupBy"] = true
			r.refuse(at(item), path, "%s", err)
		}
	}
	f.rule.OncePer.GroupBy = group
}

// misspelled reports whether a mapping has an unknown key that is similar to the
// given one.
func misspelled(node *yaml.Node, key string) bool {
	known := filterKeys()
	for i := 0; i+1 < len(node.Content); i += 2 {
		written := node.Content[i].Value
		if !slices.Contains(known, written) && nearest(written, known) == key {
			return true
		}
	}
	return false
}

// refuseKey reports a fault of a filter's key, at its value or, if the filter does
// not have it, at the filter.
func (r *reader) refuseKey(f *filterNode, key, format string, args ...any) {
	node := f.node
	if e, ok := f.entries[key]; ok {
		node = e.value
	}
	f.broken[key] = true
	r.refuse(at(node), f.pathOf(key), format, args...)
}

func (f *filterNode) pathOf(key string) string {
	return f.path + "." + key
}

// compile compiles the rules and reports each flaw at its position in the file. It
// returns nil if there are flaws.
func (r *reader) compile(filters []*filterNode) *filter.List {
	rules := make([]filter.Rule, len(filters))
	for i, f := range filters {
		rules[i] = f.rule
	}
	compiled, err := filter.Compile(rules)
	if err == nil {
		return compiled
	}
	var flaws *filter.CompileError
	if !errors.As(err, &flaws) {
		r.refuse(position{1, 1}, "filters", "%s", err)
		return nil
	}
	for _, flaw := range flaws.Flaws {
		f := filters[flaw.Index]
		// A filter that rejects must have no outcome. If the action is not valid, it
		// is not known whether this filter rejects.
		outcome := slices.Contains([]string{"destination", "project", "commitRef", "logLevel", "oncePer", "groupBy"}, flaw.Key)
		if f.broken[flaw.Key] || outcome && f.broken["action"] {
			continue
		}
		if e, ok := f.entries[flaw.Key]; ok && e.value.Kind != yaml.SequenceNode {
			flaw.Item = -1 // a single text is not in a list
		}
		r.refuse(r.place(f, flaw), flaw.Path(), "%s", flaw.Message)
	}
	if len(r.faults) == 0 {
		// A list that does not compile must not be taken for an empty one.
		r.refuse(position{1, 1}, "filters", "%s", err)
	}
	return nil
}

// place returns the position of a flaw: that of the key's value, of an item of it,
// or inside an expression.
func (r *reader) place(f *filterNode, flaw filter.Flaw) position {
	e, ok := f.entries[flaw.Key]
	switch {
	case !ok:
		return at(f.node)
	case flaw.Item >= 0 && flaw.Item < len(e.value.Content):
		return at(resolve(e.value.Content[flaw.Item]))
	case strings.HasSuffix(flaw.Key, "expression"):
		return r.source.inside(e.value, flaw.Offset)
	default:
		return at(e.value)
	}
}

// keptBuilds is how long Brigade's vacuum keeps builds by default: vacuum.age in
// the values of the chart brigade 1.x (github.com/brigadecore/charts,
// charts/brigade/values.yaml). The vacuum itself, in Brigade's own source, has no
// default.
const keptBuilds = 720 * time.Hour

// warnAboutWindow warns about a window that is longer than Brigade keeps builds.
// When Brigade's vacuum has deleted the build, its name is free, and the next Event
// builds again.
func (r *reader) warnAboutWindow(f *filterNode) {
	if f.rule.OncePer.Window > keptBuilds && f.rule.Destination == "" {
		r.warn(at(f.entries["oncePer"].value), f.pathOf("oncePer"),
			"%s is longer than Brigade's vacuum keeps builds, 720h unless its chart says otherwise: after that the next Event builds again; write 720h or less",
			f.rule.OncePer)
	}
}
