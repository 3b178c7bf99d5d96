// Command dashboard draws what the panels of the chart's Grafana dashboard showed
// in a run of test/install, on one sheet, as Grafana lays them out.
//
//	go -C hack/plot run ./dashboard PANELS.json SHEET.png
package main

import (
	"encoding/json"
	"fmt"
	"image/color"
	"os"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: dashboard PANELS.json SHEET.png")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// sheet is what test/install wrote.
type sheet struct {
	Seconds float64
	Moments []struct {
		At   float64
		What string
	}
	Panels []panel
}

type panel struct {
	Title       string
	Type        string
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct {
				Steps []struct {
					Color string
					Value *float64
				}
			}
		}
	}
	Targets []struct {
		Series []series
	}
}

type series struct {
	Name   string
	Points [][2]float64
}

const (
	column  = 1.15 * vg.Centimeter // of the grid's 24
	row     = 0.9 * vg.Centimeter
	heading = 1.1 * vg.Centimeter
	dpi     = 96
	// headroom leaves space for the legend above the highest value.
	headroom = 1.35
)

func run(input, output string) error {
	content, err := os.ReadFile(input)
	if err != nil {
		return err
	}
	var s sheet
	if err := json.Unmarshal(content, &s); err != nil {
		return fmt.Errorf("reading %s: %w", input, err)
	}
	bottom := 0
	for _, p := range s.Panels {
		bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
	}
	width, height := 24*column, vg.Length(bottom)*row+heading
	image := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	canvas := draw.New(image)
	s.head(canvas)
	for _, p := range s.Panels {
		g := p.GridPos
		top := height - heading - vg.Length(g.Y)*row
		tile := draw.Crop(canvas, vg.Length(g.X)*column, vg.Length(g.X+g.W)*column-width, top-vg.Length(g.H)*row, top-height)
		drawn, err := s.panel(p)
		if err != nil {
			return fmt.Errorf("panel %q: %w", p.Title, err)
		}
		drawn.Draw(draw.Crop(tile, 4, -8, 4, -4))
	}
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	if _, err := (vgimg.PngCanvas{Canvas: image}).WriteTo(file); err != nil {
		return fmt.Errorf("writing %s: %w", output, err)
	}
	return file.Close()
}

// head writes the moments above the panels.
func (s sheet) head(canvas draw.Canvas) {
	var moments []string
	for i, m := range s.Moments {
		moments = append(moments, fmt.Sprintf("%d %s (%.0f s)", i+1, m.What, m.At))
	}
	style := text.Style{Color: color.Black, Font: plot.DefaultFont, XAlign: draw.XCenter, YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
	style.Font.Size = 10
	canvas.FillText(style, vg.Point{X: canvas.Center().X, Y: canvas.Max.Y - heading/2}, strings.Join(moments, "   "))
}

// panel draws the series of a panel over the whole time.
func (s sheet) panel(p panel) (*plot.Plot, error) {
	drawn := plot.New()
	drawn.BackgroundColor = color.White
	drawn.Title.Text = p.Title
	drawn.Title.TextStyle.Font.Size = 10
	drawn.X.Min, drawn.X.Max = 0, s.Seconds
	drawn.Y.Min = 0
	drawn.Y.Label.Text = unit(p.FieldConfig.Defaults.Unit)
	for _, axis := range []*plot.Axis{&drawn.X, &drawn.Y} {
		axis.Label.TextStyle.Font.Size = 8
		axis.Tick.Label.Font.Size = 7
	}
	drawn.X.Tick.Marker = s.moments(vg.Length(p.GridPos.W) * column)
	if p.FieldConfig.Defaults.Unit == "bytes" {
		drawn.Y.Tick.Marker = mebibytes{}
	}
	drawn.Legend.TextStyle.Font.Size = 7
	drawn.Legend.Top, drawn.Legend.Left = true, true
	drawn.Legend.Padding = 1
	drawn.Add(plotter.NewGrid())
	shown, zero := 0, 0
	for _, t := range p.Targets {
		for _, l := range t.Series {
			if len(l.Points) == 0 {
				continue
			}
			if p.Type != "stat" && l.isZero() {
				zero++
				continue
			}
			if err := s.add(drawn, p, l, shown); err != nil {
				return nil, err
			}
			shown++
		}
	}
	if zero > 0 {
		drawn.Legend.Add(fmt.Sprintf("%d more, always 0", zero))
	}
	drawn.Y.Max = max(1, drawn.Y.Max) * headroom
	if small := largest(p); small > 0 && small < 1 {
		drawn.Y.Max = small * headroom
	}
	return drawn, nil
}

// largest returns the largest value of a panel.
func largest(p panel) float64 {
	var found float64
	for _, t := range p.Targets {
		for _, l := range t.Series {
			for _, point := range l.Points {
				found = max(found, point[1])
			}
		}
	}
	return found
}

// isZero reports whether a series is always 0. Such series would only fill the legend.
func (l series) isZero() bool {
	return !slices.ContainsFunc(l.Points, func(point [2]float64) bool { return point[1] != 0 })
}

// add draws a series. If the panel shows one value with thresholds, the line
// has the color of that value.
func (s sheet) add(drawn *plot.Plot, p panel, l series, index int) error {
	single := p.Type == "stat" && len(p.FieldConfig.Defaults.Thresholds.Steps) > 0
	for _, part := range parts(l.Points, func(value float64) string {
		if single {
			return p.color(value)
		}
		return ""
	}) {
		curve, err := plotter.NewLine(part.points)
		if err != nil {
			return err
		}
		curve.Width = vg.Points(1.5)
		curve.Color = colors(index)
		if single {
			curve.Width = vg.Points(4)
			curve.Color = named(part.color)
		}
		drawn.Add(curve)
		if part.first && l.Name != "" {
			drawn.Legend.Add(l.Name, curve)
		}
	}
	return nil
}

// part is a piece of a series without a gap, and in one color.
type part struct {
	color  string
	points plotter.XYs
	first  bool
}

// parts cuts a series where it has gaps: Grafana draws no line over them.
func parts(points [][2]float64, colorOf func(float64) string) []part {
	const gap = 1.5 // seconds, with a point each second
	var found []part
	for i, point := range points {
		c := colorOf(point[1])
		if i == 0 || point[0]-points[i-1][0] > gap || found[len(found)-1].color != c {
			found = append(found, part{color: c, first: i == 0})
		}
		last := &found[len(found)-1]
		last.points = append(last.points, plotter.XY{X: point[0], Y: point[1]}, plotter.XY{X: point[0] + 1, Y: point[1]})
	}
	return found
}

func (p panel) color(value float64) string {
	found := ""
	for _, s := range p.FieldConfig.Defaults.Thresholds.Steps {
		if s.Value == nil || value >= *s.Value {
			found = s.Color
		}
	}
	return found
}

// moments puts a tick with a number where something was done, without the numbers for
// which a panel of this width has no space.
func (s sheet) moments(width vg.Length) plot.ConstantTicks {
	const (
		axis  = 40 // points beside the drawing, for the axis of the values
		digit = 8
	)
	var ticks plot.ConstantTicks
	var free vg.Length
	for i, m := range s.Moments {
		tick := plot.Tick{Value: m.At}
		if at := vg.Length(m.At/s.Seconds) * (width - axis); at >= free {
			tick.Label, free = fmt.Sprint(i+1), at+digit
		}
		ticks = append(ticks, tick)
	}
	return ticks
}

// mebibytes marks an axis of bytes.
type mebibytes struct{}

func (mebibytes) Ticks(low, high float64) []plot.Tick {
	const mebibyte = 1 << 20
	ticks := plot.DefaultTicks{}.Ticks(low/mebibyte, high/mebibyte)
	for i := range ticks {
		ticks[i].Value *= mebibyte
	}
	return ticks
}

// unit returns the symbol of one of Grafana's units.
func unit(name string) string {
	return map[string]string{"s": "s", "bytes": "MiB", "eps": "events/s", "ops": "ops/s"}[name]
}

func named(name string) color.Color {
	return map[string]color.Color{
		"green": color.RGBA{R: 0x2e, G: 0x9e, B: 0x4f, A: 0xff}, "red": color.RGBA{R: 0xd6, G: 0x2c, B: 0x2c, A: 0xff},
		"orange": color.RGBA{R: 0xf0, G: 0x8c, A: 0xff},
	}[name]
}

// colors can be distinguished by people with color blindness too.
func colors(i int) color.Color {
	all := []color.RGBA{
		{G: 0x72, B: 0xb2, A: 0xff},
		{R: 0xd5, G: 0x5e, A: 0xff},
		{G: 0x9e, B: 0x73, A: 0xff},
		{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
		{R: 0xe6, G: 0x9f, A: 0xff},
		{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
		{R: 0x80, G: 0x80, B: 0x80, A: 0xff},
		{A: 0xff},
	}
	return all[i%len(all)]
}
