package filter

import (
	"maps"
	"slices"
)

// wordSize is the number of filters in one word of a row.
const wordSize = 64

// row has a bit for each filter: whether the filter matches a value of one fact.
type row []uint64

// index finds the filters that may match an Event without trying each. For each
// fact that a filter has a condition on, it has the filters that match a value.
// A decision looks up one row per fact and ANDs them, 64 filters at a time.
type index struct {
	words   int
	all     row
	columns []column
}

// column is the index of one fact. Words, and globs whose only star is at the
// end, are decided here. A filter with any other glob has its bit set for every
// value, and rest.holds decides.
type column struct {
	fact fact
	// words has the row of each word that a filter names, and few has it if there
	// are at most maxFew: comparing them takes less time than a hash.
	words map[string]row
	few   []word
	// prefixes has the row of each `prefix*` that a filter names, for the values
	// of which it is the longest such prefix. lengths are the lengths of the
	// prefixes in bytes, the longest first.
	prefixes map[string]row
	lengths  []int
	// other is the row of all other values.
	other row
}

// word is a word that a filter names, and its row.
type word struct {
	text string
	row  row
}

const maxFew = 4

// newIndex builds the index of rules, and returns what the index does not decide
// of each.
func newIndex(rules []rule) (index, []rest) {
	ix := index{words: (len(rules) + wordSize - 1) / wordSize}
	ix.all = make(row, ix.words)
	open := make([]rest, len(rules))
	for i := range rules {
		ix.all.set(i)
		open[i].tail = newTail(&rules[i])
	}
	for f := range factCount {
		if slices.ContainsFunc(rules, func(r rule) bool { return len(r.conditions[f]) > 0 }) {
			ix.columns = append(ix.columns, newColumn(f, rules, open, ix.words))
		}
	}
	return ix, open
}

// newColumn builds the column of one fact, and adds the conditions that it does
// not decide to open.
func newColumn(f fact, rules []rule, open []rest, words int) column {
	c := column{fact: f, words: map[string]row{}, prefixes: map[string]row{}, other: make(row, words)}
	for i := range rules {
		condition := rules[i].conditions[f]
		if len(condition) > 0 && condition.settled() {
			continue
		}
		c.other.set(i)
		if len(condition) > 0 {
			open[i].globs = append(open[i].globs, openCondition{fact: f, condition: condition})
		}
	}
	for i := range rules {
		for _, g := range rules[i].conditions[f] {
			switch g.form {
			case exact:
				c.other.extend(c.words, g.text).set(i)
			case prefix:
				c.other.extend(c.prefixes, g.text).set(i)
			default:
			}
		}
	}
	c.inherit()
	if len(c.words) <= maxFew {
		for text, row := range c.words {
			c.few = append(c.few, word{text, row})
		}
		c.words = nil
	}
	return c
}

// inherit adds to each row the rows of the shorter prefixes, which match its
// values too.
func (c *column) inherit() {
	for _, p := range slices.SortedFunc(maps.Keys(c.prefixes), func(a, b string) int { return len(a) - len(b) }) {
		// c.lengths has only shorter prefixes so far, and those of the same length,
		// which are not prefixes of this one.
		own := c.prefixes[p]
		own.add(c.longest(p[:len(p)-1]))
		if len(c.lengths) == 0 || c.lengths[0] != len(p) {
			c.lengths = slices.Insert(c.lengths, 0, len(p))
		}
	}
	for word, own := range c.words {
		own.add(c.longest(word))
	}
}

// settled reports whether the index decides on c alone.
func (c anyOf) settled() bool {
	return !slices.ContainsFunc(c, func(g glob) bool { return g.form != exact && g.form != prefix })
}

func (c *column) row(value string) row {
	for i := range c.few {
		if c.few[i].text == value {
			return c.few[i].row
		}
	}
	if r, ok := c.words[value]; ok {
		return r
	}
	return c.longest(value)
}

// longest returns the row of the longest prefix of value, or that of all other
// values.
func (c *column) longest(value string) row {
	for _, n := range c.lengths {
		if n > len(value) {
			continue
		}
		if r, ok := c.prefixes[value[:n]]; ok {
			return r
		}
	}
	return c.other
}

// rows returns the row of each column for an Event, and how many there are.
func (ix *index) rows(f *facts) (rows [factCount]row, n int) {
	for i := range ix.columns {
		rows[i] = ix.columns[i].row(f[ix.columns[i].fact])
	}
	return rows, len(ix.columns)
}

// candidates returns the filters of word w that are in every row.
func (ix *index) candidates(w int, rows []row) uint64 {
	word := ix.all[w]
	for _, r := range rows {
		word &= r[w]
	}
	return word
}

func (r row) set(i int) {
	r[i/wordSize] |= 1 << (i % wordSize)
}

// add adds the filters of other.
func (r row) add(other row) {
	for w := range r {
		r[w] |= other[w]
	}
}

// extend returns the row of key, and adds it as a copy of r if there is none.
func (r row) extend(rows map[string]row, key string) row {
	if rows[key] == nil {
		rows[key] = slices.Clone(r)
	}
	return rows[key]
}
