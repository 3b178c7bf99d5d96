package filter

import "fmt"

// Shadow is a filter that can never decide, since an earlier one catches every
// Event it matches.
type Shadow struct {
	// Index is the 0-based place of the filter that never decides.
	Index int
	// Earlier is the 0-based place of the filter that catches its Events.
	Earlier int
	// Why says how the two are related, for people to read.
	Why string
}

// Shadowed returns the filters that can provably never decide, in order, each
// with the first filter that shadows it. It finds what one earlier filter
// catches alone, not what several catch between them, and it does not look
// into expressions: two are the same when their texts are.
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

// shadows reports whether r provably decides on every Event on which later
// would. Where the same expression fails in both, a filter that rejects decides
// and one that accepts does not.
func (r *rule) shadows(later *rule) bool {
	if r.evaluates() && r.verdict.Action == Accept && later.verdict.Action == Reject {
		return false
	}
	return r.covers(later)
}

// covers reports whether the conditions of r provably hold wherever those of
// later do.
func (r *rule) covers(later *rule) bool {
	if r.expression != nil && (later.expression == nil || r.expression.Text() != later.expression.Text()) {
		return false
	}
	// Where r makes an exception, later must make it too.
	return later.except.covers(r.except) && r.reach.covers(&later.reach)
}

// why says how the filter at index i is shadowed by the earlier one at j.
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

// matchesAll reports whether r has no conditions.
func (r *rule) matchesAll() bool {
	return r.conditions.open() && r.expression == nil && r.except == nil
}

// MatchesAll reports whether the filter at the 0-based index has no conditions
// and so matches every Event that comes to it.
func (l *List) MatchesAll(index int) bool {
	return l.rules[index].matchesAll()
}
