package filter

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/expression"
)

// exception is a compiled Except: if it holds, its filter does not match.
type exception struct {
	conditions conditions
	expression *expression.Expression
}

// tail is what a rule has besides its text conditions: an expression, an
// exception, or both.
type tail struct {
	expression *expression.Expression
	except     *exception
}

// newTail returns the tail of a rule, or nil if it has none.
func newTail(r *rule) *tail {
	if r.expression == nil && r.except == nil {
		return nil
	}
	return &tail{expression: r.expression, except: r.except}
}

// holds reports whether the tail lets the filter match. It checks the text
// conditions of the exception first: they cost least, and if they decide, no
// expression can fail. Its error is that of an expression.
func (t *tail) holds(f *facts, e *corev1.Event) (bool, error) {
	excepted := t.except != nil && t.except.conditions.hold(f)
	if excepted && t.except.expression == nil {
		return false, nil
	}
	if t.expression != nil {
		if holds, err := t.expression.Holds(e); err != nil || !holds {
			return false, err
		}
	}
	if !excepted {
		return true, nil
	}
	holds, err := t.except.expression.Holds(e)
	return err == nil && !holds, err
}

// hold reports whether all conditions hold for the facts of an Event.
func (c *conditions) hold(f *facts) bool {
	for i := range c {
		if !c[i].matches(f[i]) {
			return false
		}
	}
	return true
}

// covers reports whether x provably holds for all Events for which other holds.
// A nil exception never holds.
func (x *exception) covers(other *exception) bool {
	if other == nil {
		return true
	}
	if x == nil || x.expression != nil && (other.expression == nil || x.expression.Text() != other.expression.Text()) {
		return false
	}
	return x.conditions.covers(&other.conditions)
}

// evaluates reports whether r has an expression, its exception included.
func (r *rule) evaluates() bool {
	return r.expression != nil || r.except != nil && r.except.expression != nil
}
