package filter

import "fmt"

// Shadow is a filter that can never decide, because an earlier filter matches
// every Event that it matches.
type Shadow struct {
	// Index is the 0-based index of the filter that never decides.
	Index int
	// Earlier is the 0-based index of the filter that decides instead.
	Earlier int
	// Why is how the two are related, as readable text.
	Why string
}

// Shadowed returns the filters that can provably never decide, in order, each
// with the first filter that shadows it. It finds filters that a single earlier
// filter shadows, not those that several shadow together. Two expressions are
// equal if their texts are.
func (l *List) Shadowed() []Shadow {
	if l == nil {
		return nil
	}
	var out []Shadow
	for i := range l.rules {
		for j := range l.rules[:i] {
			if l.rules[j].shadows(&l.rules[i]) {
				out = append(out, Shadow{Index: i, Earlier: j, Why: l.why(j, i)})
				break
			}
		}
	}
	return out
}

// shadows reports whether r provably decides on every Event on which later would.
// If the same expression fails in both, a filter that rejects decides and one
// that accepts does not.
func (r *rule) shadows(later *rule) bool {
	if r.evaluates() && r.verdict.Action == Accept && later.verdict.Action == Reject {
		return false
	}
	return r.covers(later)
}

// covers reports whether r provably matches every Event that later matches.
func (r *rule) covers(later *rule) bool {
	if r.expression != nil && (later.expression == nil || r.expression.Text() != later.expression.Text()) {
		return false
	}
	// later must have the exception of r too.
	return later.except.covers(r.except) && r.implied.covers(&later.implied)
}

// why returns how the filter at index j shadows that at index i.
func (l *List) why(j, i int) string {
	earlier, later := &l.rules[j], &l.rules[i]
	name := earlier.verdict.By
	switch {
	case earlier.matchesAll():
		return fmt.Sprintf("%s matches every Event, so no later filter is reached", name)
	case !later.covers(earlier):
		return fmt.Sprintf("%s already matches every Event that this filter matches", name)
	case earlier.verdict.Action != later.verdict.Action:
		return fmt.Sprintf("%s has the same conditions and decides first, to %s", name, earlier.verdict.Action)
	case earlier.verdict.Destination != later.verdict.Destination:
		return fmt.Sprintf("%s has the same conditions and decides first, for another destination", name)
	case earlier.verdict.Project != later.verdict.Project:
		return fmt.Sprintf("%s has the same conditions and decides first, for project %s", name, earlier.verdict.Project)
	case earlier.verdict.OncePer != later.verdict.OncePer:
		return fmt.Sprintf("%s has the same conditions and decides first, with another oncePer", name)
	case earlier.verdict.CommitRef != later.verdict.CommitRef:
		return fmt.Sprintf("%s has the same conditions and decides first, with another commitRef", name)
	case earlier.verdict.LogLevel != later.verdict.LogLevel:
		return fmt.Sprintf("%s has the same conditions and decides first, with another logLevel", name)
	default:
		return fmt.Sprintf("it repeats %s", name)
	}
}

func (r *rule) matchesAll() bool {
	return r.conditions.open() && r.expression == nil && r.except == nil
}

// MatchesAll reports whether the filter at the 0-based index has no conditions.
func (l *List) MatchesAll(index int) bool {
	return l.rules[index].matchesAll()
}
