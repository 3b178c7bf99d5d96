package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// CompileError is the error of Compile. It holds everything that is wrong with
// the rules, in their order.
type CompileError struct {
	Flaws []Flaw
}

// Flaw is one thing that is wrong with one rule.
type Flaw struct {
	// Index is the rule's 0-based place in the list.
	Index int
	// Key is the filter file's name for what is wrong, for example
	// "expression".
	Key string
	// Item is the 0-based place inside a list-valued Key, and -1 elsewhere.
	Item int
	// Offset is how many bytes into the value of Key the flaw stands, and 0
	// where it concerns the whole.
	Offset int
	// Message says what is wrong, and what is allowed.
	Message string
}

// Error returns all flaws, separated by semicolons.
func (e *CompileError) Error() string {
	texts := make([]string, len(e.Flaws))
	for i, f := range e.Flaws {
		texts[i] = f.String()
	}
	return strings.Join(texts, "; ")
}

// Path returns where the flaw is, for example "filters[2].reasons[0]".
func (f Flaw) Path() string {
	path := By(f.Index)
	if f.Key != "" {
		path += "." + f.Key
	}
	if f.Item >= 0 {
		path = fmt.Sprintf("%s[%d]", path, f.Item)
	}
	return path
}

// String returns the path and the message.
func (f Flaw) String() string {
	return f.Path() + ": " + f.Message
}

// Compile turns rules into a List. Its error, a *CompileError, names every
// flaw of every rule at once. Without any rules the list rejects all Events by
// Default.
func Compile(rules []Rule) (*List, error) {
	if len(rules) > MaxRules {
		return nil, &CompileError{Flaws: []Flaw{{
			Index: MaxRules, Item: -1,
			Message: fmt.Sprintf("%d filters; at most %d are allowed, use globs and lists of reasons", len(rules), MaxRules),
		}}}
	}
	c := compiler{}
	l := &List{source: cloneRules(rules), rules: make([]rule, len(rules))}
	for i, r := range rules {
		l.rules[i] = c.compile(i, r)
	}
	if c.globs > MaxGlobs {
		c.flaw(len(rules)-1, "", fmt.Sprintf("the filters up to here name %d values; at most %d are allowed, use globs", c.globs, MaxGlobs))
	}
	if len(c.flaws) > 0 {
		return nil, &CompileError{Flaws: c.flaws}
	}
	l.index, l.rest = newIndex(l.rules)
	return l, nil
}

// compiler gathers flaws, counts globs, and keeps the CEL environment that all
// expressions of a list share.
type compiler struct {
	flaws    []Flaw
	globs    int
	language *language
}

// compile checks and compiles the rule at index i. Where it reports flaws its
// result is of no use.
func (c *compiler) compile(i int, r Rule) rule {
	c.checkTexts(i, r)
	if r.Type != "" && r.Type != corev1.EventTypeNormal && r.Type != corev1.EventTypeWarning {
		c.flaw(i, "type", fmt.Sprintf("unknown type %q; allowed are %s and %s",
			r.Type, corev1.EventTypeNormal, corev1.EventTypeWarning))
	}
	c.checkScope(i, r)
	c.checkOutcome(i, r)
	out := rule{
		verdict:    Verdict{Action: r.Action, By: By(i), Project: r.Project, OncePer: r.OncePer},
		conditions: conditionsOf(r),
	}
	out.reach = out.conditions.implied()
	for _, condition := range out.conditions {
		c.globs += len(condition)
	}
	if r.Expression != "" {
		out.expression = c.expression(i, r.Expression)
	}
	return out
}

// checkTexts reports text that can match no Event: the API server only stores
// valid UTF-8, and an empty reason is more likely a slip than a wish.
func (c *compiler) checkTexts(i int, r Rule) {
	for _, t := range []struct{ key, text string }{
		{"namespace", r.Namespace}, {"kind", r.Kind}, {"name", r.Name}, {"component", r.Component},
	} {
		if !utf8.ValidString(t.text) {
			c.flaw(i, t.key, fmt.Sprintf("%q is not valid UTF-8", t.text))
		}
	}
	for item, reason := range r.Reasons {
		switch {
		case reason == "":
			c.flaws = append(c.flaws, Flaw{
				Index: i, Key: "reasons", Item: item,
				Message: "empty reason; name one, write * for any, or remove the entry",
			})
		case !utf8.ValidString(reason):
			c.flaws = append(c.flaws, Flaw{
				Index: i, Key: "reasons", Item: item,
				Message: fmt.Sprintf("%q is not valid UTF-8", reason),
			})
		}
	}
}

// checkScope reports an unknown scope, and one that the namespace rules out.
func (c *compiler) checkScope(i int, r Rule) {
	switch r.Scope {
	case AnyScope, NamespacedScope:
	case ClusterScope:
		if namespace := newAnyOf(r.Namespace); len(namespace) > 0 && !namespace.matches("") {
			c.flaw(i, "scope", fmt.Sprintf("the filter matches no Event: what is in namespace %q is not cluster-scoped; remove scope or namespace",
				r.Namespace))
		}
	default:
		c.flaw(i, "scope", fmt.Sprintf("unknown scope %q; allowed are %s and %s", string(r.Scope), ClusterScope, NamespacedScope))
	}
}

// checkOutcome reports an unknown action, and keys that only make sense for
// the other one.
func (c *compiler) checkOutcome(i int, r Rule) {
	switch r.Action {
	case Accept:
		if err := r.OncePer.check(); err != nil {
			c.flaw(i, "oncePer", err.Error())
		}
	case Reject:
		if r.OncePer != (OncePer{}) {
			c.flaw(i, "oncePer", "a filter that rejects makes no builds; remove oncePer, or accept")
		}
		if r.Project != "" {
			c.flaw(i, "project", "a filter that rejects builds no project; remove project, or accept")
		}
	default:
		c.flaw(i, "action", fmt.Sprintf("unknown action %s; allowed are accept and reject", r.Action))
	}
}

// expression compiles the expression of the rule at index i, and returns nil
// where it reports flaws.
func (c *compiler) expression(i int, text string) *expression {
	if c.language == nil {
		language, err := newLanguage()
		if err != nil {
			// Only a change of this package or of cel-go can bring this about.
			c.flaw(i, "expression", fmt.Sprintf("preparing CEL: %v", err))
			return nil
		}
		c.language = language
	}
	compiled, faults := c.language.compile(text)
	for _, f := range faults {
		c.flaws = append(c.flaws, Flaw{Index: i, Key: "expression", Item: -1, Offset: f.offset, Message: f.message})
	}
	return compiled
}

// flaw reports a flaw with the whole value of a key.
func (c *compiler) flaw(i int, key, message string) {
	c.flaws = append(c.flaws, Flaw{Index: i, Key: key, Item: -1, Message: message})
}
