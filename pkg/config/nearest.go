package config

import (
	"fmt"
	"strings"
)

// didYouMean suggests the allowed name that is most similar to what was written,
// ` (did you mean "reasons"?)`, or returns "" if none is similar.
func didYouMean(written string, allowed []string) string {
	if name := nearest(written, allowed); name != "" {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// nearest returns the allowed name that is fewest edits away from what was
// written, or "" if none is within a third of its length.
func nearest(written string, allowed []string) string {
	best, distance := "", 1+max(1, len(written)/3)
	for _, name := range allowed {
		if d := edits(strings.ToLower(written), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// edits returns the number of insertions, deletions, replacements and swaps of
// neighbors that turn a into b: the optimal string alignment distance. A text that
// is far longer than any key is not compared and counts as far away.
func edits(a, b string) int {
	if len(a) > 2*len(b)+2 {
		return len(a)
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
