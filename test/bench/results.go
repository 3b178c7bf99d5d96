package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"
)

// results is the content of bench/results.json.
type results struct {
	Date     time.Time     `json:"date"`
	Machine  machine       `json:"machine"`
	Versions versions      `json:"versions"`
	Scale    string        `json:"scale"`
	Sizes    scale         `json:"sizes"`
	Rows     []measurement `json:"rows"`
}

// measurement is one line of the table.
type measurement struct {
	// Row is the name of the row, and Case the name of its line.
	Row  string `json:"row"`
	Case string `json:"case"`
	Unit string `json:"unit"`
	// Gateway, Bare and Baseline are the measurements of the gateway, of the bare
	// client and of the other gateway, or nil.
	Gateway  *float64 `json:"gateway,omitempty"`
	Bare     *float64 `json:"bare,omitempty"`
	Baseline *float64 `json:"baseline,omitempty"`
	// Ratio is Gateway divided by Bare.
	Ratio *float64 `json:"ratio,omitempty"`
	// Size is the number that the case is about (Events retained, workers), for
	// the plots.
	Size int `json:"size,omitempty"`
	// ToReach is the goal, and Reached whether it was reached. Both are empty
	// without a goal.
	ToReach string `json:"toReach,omitempty"`
	Reached *bool  `json:"reached,omitempty"`
	Note    string `json:"note,omitempty"`
}

func newResults(name string, s scale) results {
	return results{Date: time.Now().UTC().Truncate(time.Second), Scale: name, Sizes: s, Rows: []measurement{}}
}

// add adds a line to the table and prints it.
func (b *bench) add(m measurement) {
	if m.Gateway != nil && m.Bare != nil && *m.Bare != 0 {
		m.Ratio = new(*m.Gateway / *m.Bare)
	}
	b.results.Rows = append(b.results.Rows, m)
	b.logf("  %s, %s: %s %s, bare %s, baseline %s %s", m.Row, m.Case, show(m.Gateway), m.Unit, show(m.Bare), show(m.Baseline), m.Note)
}

// write writes the results to a file.
func (r *results) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// table prints the results as a Markdown table.
func (r *results) table(w io.Writer) {
	fmt.Fprintf(w, "%s, scale %s\n%s\n%s\n\n", r.Date.Format(time.DateOnly), r.Scale, r.Machine, r.Versions)
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| row\t| case\t| gateway\t| bare client\t| ratio\t| other gateway\t| unit\t| to reach\t| reached\t| note\t|")
	fmt.Fprintln(t, "| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t|")
	for _, m := range r.Rows {
		fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n",
			m.Row, m.Case, show(m.Gateway), show(m.Bare), show(m.Ratio), show(m.Baseline), m.Unit, m.ToReach, yes(m.Reached), m.Note)
	}
	_ = t.Flush()
}

// show formats a number with three significant digits, or nothing.
func show(v *float64) string {
	switch {
	case v == nil:
		return ""
	case *v >= 100 || *v <= -100 || *v == 0:
		return fmt.Sprintf("%.0f", *v)
	default:
		return fmt.Sprintf("%.3g", *v)
	}
}

func yes(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	default:
		return "NO"
	}
}
