package filter

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/expression"
)

// CompileError is the error of Compile. It has all flaws of all rules, in order.
type CompileError struct {
	Flaws []Flaw
}

// Flaw is an error in one rule.
type Flaw struct {
	// Index is the 0-based index of the rule.
	Index int
	// Key is the key in the filter file, for example "expression".
	Key string
	// Item is the 0-based index in the value of Key if it is a list, else -1.
	Item int
	// Offset is the offset in the value of Key, in bytes, and 0 if the flaw
	// concerns the whole value.
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

// Path returns the path of the flaw, for example "filters[2].reasons[0]".
func (f Flaw) Path() string {
	path := Path(f.Index)
	if f.Key != "" {
		path += "." + f.Key
	}
	if f.Item >= 0 {
		path = fmt.Sprintf("%s[%d]", path, f.Item)
	}
	return path
}

func (f Flaw) String() string {
	return f.Path() + ": " + f.Message
}

// Compile compiles rules. Its error is a *CompileError with all flaws of all
// rules. A list without rules rejects all Events by Default.
func Compile(rules []Rule) (*List, error) {
	if len(rules) > MaxRules {
		return nil, &CompileError{Flaws: []Flaw{{
			Index: MaxRules, Item: -1,
			Message: fmt.Sprintf("%d filters; at most %d are allowed, use globs and lists", len(rules), MaxRules),
		}}}
	}
	c := compiler{ids: map[string]int{}}
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

// compiler collects flaws, counts globs, and has the CEL environment that all
// expressions of a list share.
type compiler struct {
	flaws    []Flaw
	globs    int
	ids      map[string]int // ID to place, from 1
	language *expression.Language
}

// compile checks and compiles the rule at index i. Its result is valid only if
// it adds no flaws.
func (c *compiler) compile(i int, r Rule) rule {
	c.checkID(i, r)
	c.checkOutcome(i, r)
	own := r.Conditions()
	out := rule{verdict: Verdict{
		Action: r.Action, By: r.name(i), Destination: r.Destination, Project: r.Project, CommitRef: r.CommitRef, LogLevel: r.LogLevel, OncePer: r.OncePer,
	}}
	if r.OncePer.GroupBy.IsSet() {
		out.verdict.OncePer.Filter = r.groupedAs()
	}
	out.conditions, out.expression = c.conditions(i, "", &own)
	out.implied = out.conditions.implied()
	if r.Except != nil {
		x := &exception{}
		x.conditions, x.expression = c.conditions(i, "except.", r.Except)
		if x.conditions.open() && r.Except.Expression == "" {
			c.flaw(i, "except", "no conditions, so the filter would match nothing; name some, or remove except")
		}
		out.except = x
	}
	return out
}

// conditions checks and compiles conditions whose keys have the given prefix.
func (c *compiler) conditions(i int, prefix string, own *Except) (conditions, *expression.Expression) {
	c.checkTexts(i, prefix, own)
	c.checkScope(i, prefix, own)
	out := conditionsOf(own)
	for _, condition := range out {
		c.globs += len(condition)
	}
	if own.Expression == "" {
		return out, nil
	}
	return out, c.compileExpression(i, prefix+"expression", own.Expression)
}

// groupedAs returns what identifies the groups of r: its ID, or a hash of its
// conditions, so that a filter that moves in its list keeps its builds.
func (r *Rule) groupedAs() string {
	if r.ID != "" {
		return r.ID
	}
	text, err := json.Marshal([]any{r.Conditions(), r.Except})
	if err != nil {
		panic("filter: encoding conditions: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return "#" + hex.EncodeToString(sum[:8])
}

// maxID is the maximum length of an ID, which is a label value of metrics.
const maxID = 63

// checkID reports an ID that is invalid or already used.
func (c *compiler) checkID(i int, r Rule) {
	if r.ID == "" {
		return
	}
	switch {
	case len(r.ID) > maxID || strings.ContainsFunc(r.ID, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r)
	}):
		c.flaw(i, "id", fmt.Sprintf("%q is not an id; it has at most %d letters, digits, '-', '_' and '.'", r.ID, maxID))
	case slices.Contains([]string{Default, "guard", "loop", "namespace"}, r.ID):
		c.flaw(i, "id", fmt.Sprintf("%q is reserved for verdicts without a filter; choose another", r.ID))
	case c.ids[r.ID] > 0:
		c.flaw(i, "id", fmt.Sprintf("%q is also the id of %s; choose another", r.ID, Path(c.ids[r.ID]-1)))
	default:
		c.ids[r.ID] = i + 1
	}
}

// checkTexts reports text that can match no Event, because the API server stores
// only valid UTF-8 and two types, and empty entries of a list, which are more
// likely a mistake than intended.
func (c *compiler) checkTexts(i int, prefix string, own *Except) {
	for _, t := range []struct {
		key, noun string
		texts     []string
	}{
		{"namespace", "namespace", own.Namespace},
		{"kind", "kind", own.Kind},
		{"reasons", "reason", own.Reasons},
		{"name", "name", own.Name},
		{"type", "type", own.Type},
		{"component", "component", own.Component},
	} {
		for item, text := range t.texts {
			var message string
			switch {
			case text == "":
				message = fmt.Sprintf("empty %s; name one, write * for any, or remove the entry", t.noun)
			case !utf8.ValidString(text):
				message = fmt.Sprintf("%q is not valid UTF-8", text)
			case t.key == "type" && !newGlob(text).matches(corev1.EventTypeNormal) && !newGlob(text).matches(corev1.EventTypeWarning):
				message = fmt.Sprintf("unknown type %q; allowed are %s and %s", text, corev1.EventTypeNormal, corev1.EventTypeWarning)
			default:
				continue
			}
			c.flaws = append(c.flaws, Flaw{Index: i, Key: prefix + t.key, Item: item, Message: message})
		}
	}
}

// checkScope reports an unknown scope, and one that contradicts the namespace.
func (c *compiler) checkScope(i int, prefix string, own *Except) {
	switch own.Scope {
	case AnyScope, NamespacedScope:
	case ClusterScope:
		if namespace := newAnyOf(own.Namespace...); len(namespace) > 0 && !namespace.matches("") {
			c.flaw(i, prefix+"scope", fmt.Sprintf("the filter matches no Event: an object in namespace %s is not cluster-scoped; remove scope or namespace",
				namespace))
		}
	default:
		c.flaw(i, prefix+"scope", fmt.Sprintf("unknown scope %q; allowed are %s and %s", string(own.Scope), ClusterScope, NamespacedScope))
	}
}

// checkOutcome reports an unknown action, and keys that the action does not
// allow.
func (c *compiler) checkOutcome(i int, r Rule) {
	switch r.Action {
	case Accept:
		if err := r.OncePer.check(); err != nil {
			key := "oncePer"
			if r.OncePer.GroupBy.IsSet() && r.OncePer.Window == 0 {
				key = "groupBy"
			}
			c.flaw(i, key, err.Error())
		}
		c.checkDestination(i, r)
	case Reject:
		if r.Destination != "" {
			c.flaw(i, "destination", "a filter that rejects sends nothing; remove destination, or accept")
		}
		if r.OncePer.GroupBy.IsSet() {
			c.flaw(i, "groupBy", "a filter that rejects starts no builds; remove groupBy, or accept")
		}
		if r.CommitRef != "" {
			c.flaw(i, "commitRef", "a filter that rejects builds nothing; remove commitRef, or accept")
		}
		if r.LogLevel != "" {
			c.flaw(i, "logLevel", "a filter that rejects builds nothing; remove logLevel, or accept")
		}
		if r.OncePer.Window != 0 || r.OncePer.Occurrence {
			c.flaw(i, "oncePer", "a filter that rejects starts no builds; remove oncePer, or accept")
		}
		if r.Project != "" {
			c.flaw(i, "project", "a filter that rejects builds no project; remove project, or accept")
		}
	default:
		c.flaw(i, "action", fmt.Sprintf("unknown action %s; allowed are accept and reject", r.Action))
	}
}

// checkDestination reports keys beside a destination that only Brigade uses.
func (c *compiler) checkDestination(i int, r Rule) {
	if r.Destination == "" {
		return
	}
	for _, own := range []struct{ key, value string }{{"project", r.Project}, {"commitRef", r.CommitRef}, {"logLevel", string(r.LogLevel)}} {
		if own.value != "" {
			c.flaw(i, own.key, fmt.Sprintf("the Event is sent to %s, and no project builds; remove %s, or destination", r.Destination, own.key))
		}
	}
}

// compileExpression compiles an expression of the rule at index i, and returns
// nil if it reports flaws.
func (c *compiler) compileExpression(i int, key, text string) *expression.Expression {
	if c.language == nil {
		language, err := expression.NewLanguage()
		if err != nil {
			// Only a change of pkg/expression or cel-go can cause this.
			c.flaw(i, key, fmt.Sprintf("preparing CEL: %v", err))
			return nil
		}
		c.language = language
	}
	compiled, faults := c.language.Compile(text)
	for _, f := range faults {
		c.flaws = append(c.flaws, Flaw{Index: i, Key: key, Item: -1, Offset: f.Offset, Message: f.Message})
	}
	return compiled
}

// flaw adds a flaw of the whole value of a key.
func (c *compiler) flaw(i int, key, message string) {
	c.flaws = append(c.flaws, Flaw{Index: i, Key: key, Item: -1, Message: message})
}
