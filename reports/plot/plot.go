// Package plot draws series of figures as SVG that stands by itself, or in a page,
// and reads on light and on dark ones.
package plot

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is one diagram: lines of points, or bars grouped by category, or both.
type Figure struct {
	Title string
	// X and Y are the axes. With Categories, X has only its label.
	X, Y Axis
	// Lines join their points from left to right.
	Lines []Series
	// Categories are the groups of Bars along X. The i-th point of each series of
	// Bars is its bar in the i-th category, whatever its X; a Y of NaN leaves that
	// place empty.
	Categories []string
	Bars       []Series
}

// Axis is one axis of a figure.
type Axis struct {
	// Label says what is drawn, and Unit in what it is measured; a Unit of "" is of
	// a plain number.
	Label, Unit string
	// Log has the axis go by powers. Points that are not above zero are then left
	// out.
	Log bool
	// Ticks are the labelled places; none means that the figures tell.
	Ticks []Tick
}

// Tick is a labelled place on an axis.
type Tick struct {
	At    float64
	Label string
}

// Series are the figures that belong together, with their name in the legend.
type Series struct {
	Name   string
	Points []Point
}

// Point is one figure. Low and High are the ends of its error bar; both zero means
// that it has none.
type Point struct {
	X, Y      float64
	Low, High float64
}

// Measures of the drawing.
const (
	width  = 9.2 * vg.Inch
	height = 3.9 * vg.Inch
	margin = 0.15 * vg.Inch
	// groupShare is how much of the room of a category its bars take.
	groupShare = 0.8
	// barRoom is the room of a category, as wide as the drawing allows.
	barRoom = 5.6 * vg.Inch
	// headroom is how much of a plain scale is above the highest point.
	headroom = 0.05
	// widestBar keeps a bar a bar where there are few.
	widestBar = 0.5 * vg.Inch
)

// SVG draws the figures, one below the other. The same figures give the same
// bytes. It returns an error for no figures, and for a figure without a point.
func SVG(figures ...Figure) ([]byte, error) {
	if len(figures) == 0 {
		return nil, errors.New("drawing: there is no figure")
	}
	canvas := vgsvg.New(width, height*vg.Length(len(figures)))
	whole := draw.New(canvas)
	whole.SetColor(paper)
	whole.Fill(whole.Path())
	for i, f := range figures {
		top := height * vg.Length(i)
		bottom := height * vg.Length(len(figures)-1-i)
		if err := f.draw(draw.Crop(whole, margin, -margin, bottom+margin, -top-margin)); err != nil {
			return nil, fmt.Errorf("drawing %q: %w", f.Title, err)
		}
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("drawing %q: %w", figures[0].Title, err)
	}
	return adapt(out.Bytes(), figures), nil
}

// draw draws the figure with its legend beside it.
func (f Figure) draw(c draw.Canvas) error {
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text = f.Title
	p.Title.Padding = vg.Points(6)
	style(&p.Title.TextStyle, titleSize)
	legend := plot.NewLegend()
	legend.Top, legend.Left = true, true
	legend.Padding = vg.Points(3)
	style(&legend.TextStyle, textSize)
	for _, a := range []struct {
		axis *plot.Axis
		of   Axis
	}{{&p.X, f.X}, {&p.Y, f.Y}} {
		style(&a.axis.Label.TextStyle, textSize)
		style(&a.axis.Tick.Label, textSize)
		a.axis.Color, a.axis.Tick.Color = ink, ink
		a.axis.Label.Text = a.of.text()
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	drawn := 0
	for i, s := range f.Lines {
		points := f.visible(s.Points)
		if len(points) == 0 {
			continue
		}
		if err := addLine(p, &legend, s.Name, points, i); err != nil {
			return err
		}
		drawn += len(points)
	}
	bars, err := f.addBars(p, &legend)
	if err != nil {
		return err
	}
	if drawn+bars == 0 {
		return errors.New("it has no point")
	}
	f.X.scale(&p.X)
	f.Y.scale(&p.Y)
	if len(f.Categories) > 0 {
		p.NominalX(f.Categories...)
		style(&p.X.Tick.Label, textSize)
		p.X.Min, p.X.Max = -0.5, float64(len(f.Categories))-0.5
	}
	if !f.Y.Log {
		p.Y.Min, p.Y.Max = min(0, p.Y.Min), p.Y.Max+headroom*(p.Y.Max-p.Y.Min)
	}
	area := legend.Rectangle(c)
	side := area.Max.X - area.Min.X + margin
	legend.Draw(draw.Crop(c, c.Rectangle.Size().X-side+margin, 0, 0, -titleSize-vg.Points(12)))
	p.Draw(draw.Crop(c, 0, -side, 0, 0))
	return nil
}

// visible are the points that can be drawn, from left to right.
func (f Figure) visible(points []Point) []Point {
	seen := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !f.X.shows(p.X) || !f.Y.shows(p.Y) })
	slices.SortStableFunc(seen, func(a, b Point) int {
		switch {
		case a.X < b.X:
			return -1
		case a.X > b.X:
			return 1
		}
		return 0
	})
	return seen
}

func (a Axis) shows(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!a.Log || v > 0)
}

func (a Axis) text() string {
	if a.Unit == "" {
		return a.Label
	}
	return fmt.Sprintf("%s (%s)", a.Label, a.Unit)
}

// scale lays the axis out over what was added to the plot.
func (a Axis) scale(axis *plot.Axis) {
	if a.Log {
		axis.Scale = plot.LogScale{}
		// One figure alone has no extent, and its logarithm no scale.
		if axis.Min >= axis.Max {
			axis.Min, axis.Max = axis.Min/2, axis.Max*2
		}
		axis.Tick.Marker = plot.TickerFunc(logTicks)
	}
	if len(a.Ticks) > 0 {
		ticks := make(plot.ConstantTicks, len(a.Ticks))
		for i, t := range a.Ticks {
			ticks[i] = plot.Tick{Value: t.At, Label: t.Label}
		}
		axis.Tick.Marker = ticks
	}
}

// logTicks are 1, 2 and 5 of each power of ten, or 1 alone over many powers.
func logTicks(low, high float64) (ticks []plot.Tick) {
	steps := []float64{1, 2, 5}
	if high/low > 1e4 {
		steps = steps[:1]
	}
	for power := math.Floor(math.Log10(low)); power <= math.Ceil(math.Log10(high)); power++ {
		for _, s := range steps {
			v := s * math.Pow(10, power)
			if v >= low*0.999 && v <= high*1.001 {
				ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
			}
		}
	}
	return ticks
}

func addLine(p *plot.Plot, legend *plot.Legend, name string, points []Point, i int) error {
	xys := make(plotter.XYs, len(points))
	for j, point := range points {
		xys[j] = plotter.XY{X: point.X, Y: point.Y}
	}
	line, marks, err := plotter.NewLinePoints(xys)
	if err != nil {
		return err
	}
	line.Color, line.Width, line.Dashes = colour(i), vg.Points(1.5), dash(i)
	marks.Color, marks.Shape, marks.Radius = colour(i), glyph(i), vg.Points(2.5)
	p.Add(line, marks)
	legend.Add(name, line, marks)
	return addErrors(p, xys, points, colour(i))
}

// addBars adds the bars of all series, side by side in each category, and returns
// how many there are.
func (f Figure) addBars(p *plot.Plot, legend *plot.Legend) (n int, err error) {
	if len(f.Categories) == 0 || len(f.Bars) == 0 {
		return 0, nil
	}
	category := barRoom / vg.Length(len(f.Categories))
	one := min(category*groupShare/vg.Length(len(f.Bars)), widestBar)
	// In units of the axis, on which a category is one wide.
	step := float64(one / category)
	for i, s := range f.Bars {
		colour := colour(len(f.Lines) + i)
		at := (float64(i) - float64(len(f.Bars)-1)/2) * step
		var xys plotter.XYs
		var shown []Point
		for c, point := range s.Points {
			if c >= len(f.Categories) || !f.Y.shows(point.Y) {
				continue
			}
			bar, err := plotter.NewBarChart(plotter.Values{point.Y}, one)
			if err != nil {
				return n, err
			}
			bar.XMin, bar.Color, bar.LineStyle.Width = float64(c)+at, colour, 0
			p.Add(bar)
			if len(shown) == 0 {
				legend.Add(s.Name, bar)
			}
			xys, shown = append(xys, plotter.XY{X: float64(c) + at, Y: point.Y}), append(shown, point)
			n++
		}
		if err := addErrors(p, xys, shown, ink); err != nil {
			return n, err
		}
	}
	return n, nil
}
