package main

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is how a figure of several servers grows with something, on logarithmic axes.
type chart struct {
	name, title string // of the file, and for people
	grows       string // what it grows with
	tick        func(x int) string
	figure      string
	show        func(float64) string
	xs          []int
	from        int // where the line that is fitted begins: what is smaller is fixed cost, or noise
	lines       []line
}

// line has a value for each x of the chart, 0 where there is none.
type line struct {
	server string
	ys     []float64
}

// slope is the exponent of the power of x that y grows with, between from and the end: 0 is flat, 1 is in proportion.
func (c chart) slope(l line) (float64, bool) {
	var n, sx, sy, sxx, sxy float64
	for i, x := range c.xs {
		if x < c.from || l.ys[i] <= 0 {
			continue
		}
		lx, ly := math.Log(float64(x)), math.Log(l.ys[i])
		n, sx, sy, sxx, sxy = n+1, sx+lx, sy+ly, sxx+lx*lx, sxy+lx*ly
	}
	if n < 2 {
		return 0, false
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx), true
}

// write writes the chart as a table, with the slopes, and the plot as an image.
func (c chart) write(w io.Writer) {
	fmt.Fprintf(w, "### %s\n\n![%s](%s/%s)\n\n| %s |", c.title, c.title, plotFolder, c.file(), c.grows)
	for _, l := range c.lines {
		fmt.Fprintf(w, " %s |", l.server)
	}
	fmt.Fprintf(w, "\n|--:|%s\n", strings.Repeat("--:|", len(c.lines)))
	for i, x := range c.xs {
		fmt.Fprintf(w, "| %s |", c.tick(x))
		for _, l := range c.lines {
			fmt.Fprintf(w, " %s |", c.cell(l, i))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "| slope from %s |", c.tick(c.from))
	for _, l := range c.lines {
		if s, ok := c.slope(l); ok {
			fmt.Fprintf(w, " %.2f |", s)
		} else {
			fmt.Fprint(w, " – |")
		}
	}
	fmt.Fprint(w, "\n\n")
}

// cell is a value, and how it compares with that of bare, which is the first line if it is there.
func (c chart) cell(l line, i int) string {
	unit := c.lines[0]
	switch {
	case l.ys[i] <= 0:
		return "–"
	case l.server == unit.server || unit.server != "bare" || unit.ys[i] <= 0:
		return c.show(l.ys[i])
	}
	return fmt.Sprintf("%s (%.2f×)", c.show(l.ys[i]), l.ys[i]/unit.ys[i])
}

func (c chart) file() string { return c.name + ".svg" }

var colours = map[string]color.RGBA{
	"bare":  {0x88, 0x88, 0x88, 0xff},
	"tenon": {0x00, 0x66, 0xcc, 0xff},
	"gosdk": {0xd5, 0x5e, 0x00, 0xff},
	"mcpgo": {0x00, 0x8f, 0x5a, 0xff},
}

// svg draws it.
func (c chart) svg() ([]byte, error) {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text = c.title
	p.X.Label.Text, p.Y.Label.Text = c.grows, c.figure
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	var ticks plot.ConstantTicks
	for _, x := range c.xs {
		ticks = append(ticks, plot.Tick{Value: float64(x), Label: c.tick(x)})
	}
	p.X.Tick.Marker = ticks
	low, high := math.Inf(1), 0.0
	p.Add(plotter.NewGrid())
	for _, l := range c.lines {
		var points plotter.XYs
		for i, x := range c.xs {
			if y := l.ys[i]; y > 0 {
				points = append(points, plotter.XY{X: float64(x), Y: y})
				low, high = min(low, y), max(high, y)
			}
		}
		if len(points) == 0 {
			continue
		}
		curve, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		curve.Color, marks.Color = colours[l.server], colours[l.server]
		curve.Width = vg.Points(1.5)
		marks.Shape = draw.CircleGlyph{}
		p.Add(curve, marks)
		name := l.server
		if s, ok := c.slope(l); ok {
			name += fmt.Sprintf(", slope %.2f", s)
		}
		p.Legend.Add(name, curve, marks)
	}
	if high == 0 {
		return nil, fmt.Errorf("%s: nothing to plot", c.name)
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = 3*vg.Millimeter, -2*vg.Millimeter
	p.Title.Padding = 2 * vg.Millimeter
	p.X.Min, p.X.Max = float64(c.xs[0]), 2*float64(c.xs[len(c.xs)-1]) // room for the last label
	// Whole decades, and one more for the legend.
	p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high))+1)
	ticks = nil
	for y := p.Y.Min; y <= p.Y.Max*1.01; y *= 10 {
		ticks = append(ticks, plot.Tick{Value: y, Label: c.show(y)})
	}
	p.Y.Tick.Marker = ticks
	canvas := vgsvg.New(16*vg.Centimeter, 10*vg.Centimeter)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	_, err := canvas.WriteTo(&b)
	// Where that font is not installed any other without serifs will do.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,sans-serif;")), err
}
