package filter

// wordSize is how many filters one word of a row stands for.
const wordSize = 64

// index finds the filters that may match an Event without trying each. For
// every fact that some filter has a condition on, it knows for each value that
// any filter names which filters admit it, one bit a filter. A decision looks
// up one row per fact, ANDs the rows a word at a time, and has 64 filters
// answered with each step.
//
// Whether a glob admits a value is settled while the index is built for the
// values that filters name. For all others a glob counts as "perhaps", and
// rule.matches has the last word.
type index struct {
	words   int
	all     []uint64
	columns []column
}

// column is what the index knows about one fact.
type column struct {
	fact  fact
	named map[string][]uint64
	// other is the row for a value that no filter names.
	other []uint64
}

// newIndex builds the index of rules and notes in each rule which facts are
// left open.
func newIndex(rules []rule) index {
	ix := index{words: (len(rules) + wordSize - 1) / wordSize}
	ix.all = make([]uint64, ix.words)
	for i := range rules {
		set(ix.all, i)
	}
	for f := range factCount {
		if c, used := newColumn(f, rules, ix.words); used {
			ix.columns = append(ix.columns, c)
		}
	}
	return ix
}

// newColumn builds the column of one fact. It reports false where no rule has
// a condition on it.
func newColumn(f fact, rules []rule, words int) (column, bool) {
	c := column{fact: f, named: map[string][]uint64{}, other: make([]uint64, words)}
	used := false
	for i := range rules {
		condition := rules[i].conditions[f]
		used = used || len(condition) > 0
		perhaps := len(condition) == 0
		for _, g := range condition {
			if g.form == exact {
				c.named[g.text] = nil
				continue
			}
			perhaps = true
		}
		if perhaps {
			set(c.other, i)
		}
		if perhaps && len(condition) > 0 {
			rules[i].inexact = append(rules[i].inexact, f)
		}
	}
	for value := range c.named {
		row := make([]uint64, words)
		for i := range rules {
			if rules[i].conditions[f].matches(value) {
				set(row, i)
			}
		}
		c.named[value] = row
	}
	return c, used
}

// rows returns the row that each column has for an Event, and how many there
// are.
func (ix *index) rows(f *facts) (rows [factCount][]uint64, n int) {
	for i := range ix.columns {
		c := &ix.columns[i]
		row, ok := c.named[f[c.fact]]
		if !ok {
			row = c.other
		}
		rows[i] = row
	}
	return rows, len(ix.columns)
}

// candidates returns the filters of word w that every row admits.
func (ix *index) candidates(w int, rows [][]uint64) uint64 {
	word := ix.all[w]
	for _, row := range rows {
		word &= row[w]
	}
	return word
}

// set sets bit i of row.
func set(row []uint64, i int) {
	row[i/wordSize] |= 1 << (i % wordSize)
}
