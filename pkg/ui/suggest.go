package ui

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// exampleProject is the project of a list that has none.
const exampleProject = "deis/empty-testbed"

// suggestion is a list with a filter for one Event added.
type suggestion struct {
	// Filter is the added filter, Text the whole list with it.
	Filter string `json:"filter"`
	Text   string `json:"text"`
	// Line is where the filter begins in Text.
	Line int `json:"line"`
	// By is the name of the filter there.
	By string `json:"by"`
	// Decides is whether the filter decides on the Event. Note is why not, or another
	// problem.
	Decides bool   `json:"decides"`
	Note    string `json:"note,omitempty"`
}

// suggest adds a filter to the list in a request that decides on its Event.
// The query's other keys are those of the filter, see newFilterNode.
func (u *UI) suggest(_ context.Context, q request) (any, error) {
	x, err := u.event(q)
	if err != nil {
		return nil, err
	}
	action, err := filter.ParseAction(q.query.Get("action"))
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "action must be accept or reject."}
	}
	return u.suggestion(x.event, string(q.list), newFilterNode(q.query, action))
}

// suggestion adds a filter to a list, before the one that decides on e now, because
// it would not be tried otherwise. The error is why it cannot.
func (u *UI) suggestion(e *corev1.Event, list string, added *yaml.Node) (*suggestion, error) {
	if strings.TrimSpace(list) == "" {
		list = "project: " + exampleProject + "\n"
	}
	doc := readDocument([]byte(list))
	before, err := config.Parse("", []byte(list))
	at := 0
	switch {
	case err == nil:
		at = placeOf(u.explainer(before).Decider.Decide(e).By, before.Filters.Names())
	case !onlyLacksProject(err): // where the filter belongs is unknown
		return nil, &refusal{http.StatusConflict, "The list has faults; correct them first, then add a filter."}
	case doc.filters != nil:
		at = len(doc.filters.Content)
	}
	out := &suggestion{Filter: filterText(added), By: filter.Path(at)}
	if id := valueOf(added, "id"); id != nil {
		out.By = id.Value
	}
	out.Text, out.Line = insert(list, doc, at, added)
	after, err := config.Parse("", []byte(out.Text))
	if err != nil {
		out.Note = noteOf(err, filter.Path(at)+".")
		return out, nil
	}
	v := u.explainer(after).Decider.Decide(e)
	switch out.Decides = v.By == out.By; {
	case v.By == decide.ByLoop, v.By == decide.ByNamespace:
		out.Note = "No filter decides about this Event: it is rejected ahead of all filters, as the trace says."
	case !out.Decides:
		out.Note = "This filter does not match the Event it was made from."
	}
	return out, nil
}

// noteOf returns what is wrong with a list that has a new filter: the first
// fault of the filter itself, or that there are others.
func noteOf(err error, path string) string {
	for _, f := range reportsOf(nil, err) {
		if key, ok := strings.CutPrefix(f.Path, path); ok {
			return key + ": " + f.Message
		}
	}
	return "The list has faults with this filter; they are marked in it."
}

// onlyLacksProject reports whether a list would run if it had a project.
func onlyLacksProject(err error) bool {
	return !slices.ContainsFunc(reportsOf(nil, err), func(f faultReport) bool { return !strings.HasSuffix(f.Path, "project") })
}

// placeOf returns the index at which a filter decides before what decides now: its
// index, or the end.
func placeOf(by string, filters []string) int {
	if i := slices.Index(filters, by); i >= 0 {
		return i
	}
	return len(filters)
}

// newFilterNode returns a filter with the keys that a query has. Conditions have
// their names in the filter file, with one reason; those of except begin with
// "except.". A groupBy without a value is an empty list. What only an accepting
// filter may have is left out of a rejecting one.
func newFilterNode(query url.Values, action filter.Action) *yaml.Node {
	f := &yaml.Node{Kind: yaml.MappingNode}
	addText(f, query, "", "id")
	addConditions(f, query, "")
	except := &yaml.Node{Kind: yaml.MappingNode}
	addConditions(except, query, "except.")
	if len(except.Content) > 0 {
		add(f, "except", except)
	}
	add(f, "action", text(action.String()))
	if action != filter.Accept {
		return f
	}
	addText(f, query, "", "destination", "project", "commitRef", "logLevel", "oncePer")
	if query.Has("groupBy") {
		add(f, "groupBy", sequence(query["groupBy"]))
	}
	return f
}

func addConditions(f *yaml.Node, query url.Values, prefix string) {
	addText(f, query, prefix, "namespace", "scope", "kind", "name")
	if reason := query.Get(prefix + "reason"); reason != "" {
		add(f, "reasons", sequence([]string{reason}))
	}
	addText(f, query, prefix, "type", "component", "expression")
}

// addText adds the keys of which a query has a value.
func addText(f *yaml.Node, query url.Values, prefix string, keys ...string) {
	for _, key := range keys {
		if value := query.Get(prefix + key); value != "" {
			add(f, key, text(value))
		}
	}
}

func add(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, text(key), value)
}

// sequence returns a list on one line, without empty values.
func sequence(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, value := range values {
		if value != "" {
			n.Content = append(n.Content, text(value))
		}
	}
	return n
}

// text returns a text value. It is in quotes if YAML 1.1, which Helm reads, or
// YAML 1.2 takes it for something else, or if it has invisible characters.
func text(s string) *yaml.Node {
	n := &yaml.Node{}
	if err := n.Encode(s); err != nil || strings.ContainsFunc(s, unseen) {
		n.SetString(s)
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// unseen reports whether a character hides, or hides what is around it.
func unseen(r rune) bool { return !unicode.IsPrint(r) }

// filterText writes a filter, with escapes for invisible characters, because YAML
// does not escape those that change the direction of text.
func filterText(f *yaml.Node) string {
	var b strings.Builder
	for _, r := range render(f) {
		switch {
		case r == '\n' || !unseen(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	return b.String()
}

// render writes a node as block YAML, indented by two.
func render(n *yaml.Node) string {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(n); err != nil {
		panic("ui: a filter of plain text was refused: " + err.Error())
	}
	return b.String()
}

// insert adds a filter at index at of a list, and returns the list and the
// line the filter begins on. Comments and the format of the other filters stay, if
// the filters are written as a block.
func insert(list string, doc document, at int, added *yaml.Node) (out string, line int) {
	block := doc.filters != nil && doc.filters.Kind == yaml.SequenceNode && doc.filters.Style&yaml.FlowStyle == 0 && len(doc.filters.Content) > 0
	flowRoot := doc.root != nil && doc.root.Style&yaml.FlowStyle != 0
	switch {
	case block:
		return insertLines(list, doc, at, added)
	case !flowRoot && (doc.root == nil || valueOf(doc.root, "filters") == nil):
		if list != "" && !strings.HasSuffix(list, "\n") {
			list += "\n"
		}
		return list + "filters:\n" + item(added, 2), strings.Count(list, "\n") + 2
	default:
		return rewrite(doc, at, added)
	}
}

// valueOf returns the value of a key, nil if the mapping has none.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// item returns a filter as an item of a list whose dashes are indented.
func item(f *yaml.Node, indent int) string {
	lines := strings.Split(strings.TrimSuffix(filterText(f), "\n"), "\n")
	for i, l := range lines {
		if i == 0 {
			lines[i] = strings.Repeat(" ", indent) + "- " + l
		} else {
			lines[i] = strings.Repeat(" ", indent) + "  " + l
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// insertLines adds a filter between the lines of the others.
func insertLines(list string, doc document, at int, added *yaml.Node) (out string, line int) {
	lines := strings.SplitAfter(list, "\n")
	if last := lines[len(lines)-1]; last == "" {
		lines = lines[:len(lines)-1]
	} else {
		lines[len(lines)-1] = last + "\n"
	}
	indent := doc.filters.Column - 1
	var index int
	if at < len(doc.filters.Content) {
		index = itemStart(lines, doc.filters.Content[at].Line-1, indent)
	} else {
		index = blockEnd(lines, doc.filters.Content[len(doc.filters.Content)-1].Line-1, indent)
	}
	written := item(added, indent)
	line = index + 1
	switch first := itemStart(lines, doc.filters.Content[0].Line-1, indent); {
	case !blankLineBetween(doc, lines, indent):
	case index > first && at == len(doc.filters.Content):
		written, line = "\n"+written, line+1
	default:
		written += "\n"
	}
	lines = slices.Insert(lines, index, written)
	return strings.Join(lines, ""), line
}

// blankLineBetween reports whether blank lines keep the filters apart.
func blankLineBetween(doc document, lines []string, indent int) bool {
	if len(doc.filters.Content) < 2 {
		return false
	}
	second := itemStart(lines, doc.filters.Content[1].Line-1, indent)
	return strings.TrimSpace(lines[second-1]) == ""
}

// itemStart returns the index of the line where an item begins, whose content
// begins on the line at index i: that of its dash, or of the comment above it.
func itemStart(lines []string, i, indent int) int {
	for i > 0 && !dashAt(lines[i], indent) {
		i--
	}
	for i > 0 && strings.HasPrefix(strings.TrimSpace(lines[i-1]), "#") && indentOf(lines[i-1]) >= indent {
		i--
	}
	return i
}

// blockEnd returns the index after the last line of the item whose content
// begins on the line at index i.
func blockEnd(lines []string, i, indent int) int {
	end := i + 1
	for j := end; j < len(lines); j++ {
		trimmed := strings.TrimSpace(lines[j])
		if trimmed == "" {
			continue
		}
		if indentOf(lines[j]) <= indent {
			break
		}
		end = j + 1
	}
	return end
}

func dashAt(line string, indent int) bool {
	return indentOf(line) == indent && strings.HasPrefix(line[indent:], "-")
}

func indentOf(line string) int {
	return len(line) - len(strings.TrimLeft(line, " "))
}

// rewrite writes the whole list again, for a form in which a filter cannot be inserted
// between lines, such as JSON.
func rewrite(doc document, at int, added *yaml.Node) (out string, line int) {
	root := doc.root
	root.Style &^= yaml.FlowStyle
	filters := &yaml.Node{Kind: yaml.SequenceNode}
	if doc.filters != nil && doc.filters.Kind == yaml.SequenceNode {
		filters.Content = doc.filters.Content
	}
	filters.Content = slices.Insert(slices.Clone(filters.Content), at, added)
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "filters" {
			root.Content[i+1] = filters
		}
	}
	if valueOf(root, "filters") == nil {
		root.Content = append(root.Content, text("filters"), filters)
	}
	out = render(root)
	if f := readDocument([]byte(out)).filter(at); f != nil {
		line = f.Line
	}
	return out, line
}
