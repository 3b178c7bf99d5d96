// Command plot draws two plots from the results of `make bench`: builds per second
// and memory, both against the number of Events retained.
//
//	go -C hack/plot run . RESULTS.json FOLDER
//
// It writes FOLDER/performance-throughput.svg and FOLDER/performance-memory.svg, each
// if the results have its rows.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func main() {
	os.Exit(run())
}

func run() int {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: plot RESULTS.json FOLDER")
		return 2
	}
	if err := drawAll(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		return 1
	}
	return 0
}

// measurement is a row of the results, with the fields that the plots need.
type measurement struct {
	Row     string
	Case    string
	Size    int
	Gateway *float64
	Bare    *float64
}

// drawAll draws each plot for which the results have rows.
func drawAll(results, folder string) error {
	data, err := os.ReadFile(results)
	if err != nil {
		return err
	}
	var r struct{ Rows []measurement }
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("reading %s: %w", results, err)
	}
	gateway := func(m measurement) *float64 { return m.Gateway }
	bare := func(m measurement) *float64 { return m.Bare }
	pictures := []picture{
		{
			file: "performance-throughput.svg", title: "Builds per second", unit: "builds/s",
			lines: []line{
				{name: "bare client", points: pick(r.Rows, "growth", "", bare)},
				{name: "gateway", points: pick(r.Rows, "growth", "", gateway)},
			},
		},
		{
			file: "performance-memory.svg", title: "Resident memory, 1 % of the Events accepted", unit: "MiB",
			lines: []line{
				{name: "settled", points: pick(r.Rows, "memory", "settled, ", gateway)},
				{name: "peak", points: pick(r.Rows, "memory", "peak, ", gateway)},
			},
		},
	}
	var failed error
	for _, p := range pictures {
		if len(p.lines[0].points) < 2 {
			fmt.Fprintf(os.Stderr, "plot: %s needs the row at two sizes or more: not drawn\n", p.file)
			continue
		}
		failed = errors.Join(failed, p.draw(filepath.Join(folder, p.file)))
	}
	return failed
}

// pick returns the points of one row's cases with a prefix, in the order of
// measurement, which is that of their sizes. Cases with a --log-events other than the
// default are left out.
func pick(rows []measurement, row, prefix string, value func(measurement) *float64) plotter.XYs {
	var points plotter.XYs
	for _, m := range rows {
		logs := strings.Contains(m.Case, "--log-events") && !strings.HasSuffix(m.Case, "--log-events summary")
		if v := value(m); m.Row == row && strings.HasPrefix(m.Case, prefix) && !logs && v != nil {
			points = append(points, plotter.XY{X: float64(m.Size), Y: *v})
		}
	}
	return points
}

// picture is one plot against Events retained, on a logarithmic scale.
type picture struct {
	file, title, unit string
	lines             []line
}

type line struct {
	name   string
	points plotter.XYs
}

// colors can be distinguished by people with color blindness too.
func colors() []color.Color {
	return []color.Color{color.RGBA{R: 0x99, G: 0x99, B: 0x99, A: 0xff}, color.RGBA{G: 0x72, B: 0xb2, A: 0xff}}
}

func (p picture) draw(path string) error {
	canvas := plot.New()
	canvas.BackgroundColor = color.White
	canvas.Title.Text = p.title
	canvas.X.Label.Text = "Events retained"
	canvas.X.Scale = plot.LogScale{}
	canvas.X.Tick.Marker = plot.LogTicks{Prec: -1}
	canvas.Y.Label.Text = p.unit
	canvas.Y.Min = 0
	canvas.Legend.XOffs, canvas.Legend.YOffs = -vg.Centimeter, vg.Centimeter/2
	canvas.Add(plotter.NewGrid())
	for i, l := range p.lines {
		curve, dots, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return fmt.Errorf("drawing %s of %s: %w", l.name, p.file, err)
		}
		curve.Color, curve.Width = colors()[i], vg.Points(2)
		dots.Color, dots.Shape = colors()[i], draw.CircleGlyph{}
		canvas.Add(curve, dots)
		canvas.Legend.Add(l.name, curve, dots)
	}
	if err := canvas.Save(16*vg.Centimeter, 9*vg.Centimeter, path); err != nil {
		return fmt.Errorf("drawing %s: %w", p.file, err)
	}
	return nil
}
