package plot

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	titleSize = 12
	textSize  = 9.5
	fontName  = "Liberation"
	fontStyle = "Sans"
	// family names fonts of the same widths for readers who lack the one that the
	// text was set for.
	family = "Liberation Sans,Arial,Helvetica,sans-serif"
)

// The colours of everything but the series. On a dark page dark takes their place.
var (
	ink   = color.RGBA{0x1f, 0x23, 0x28, 0xff}
	faint = color.RGBA{0xd1, 0xd9, 0xe0, 0xff}
	paper = color.RGBA{0xff, 0xff, 0xff, 0xff}
	dark  = []struct{ light, dark string }{{hex(ink), "#E6EDF3"}, {hex(faint), "#30363D"}, {hex(paper), "#0D1117"}}
)

// colours are those of the series, each with a contrast of at least 3 to both
// papers.
var colours = []color.RGBA{
	{0x3b, 0x82, 0xc4, 0xff}, {0xc8, 0x6a, 0x1b, 0xff}, {0x2e, 0x94, 0x58, 0xff}, {0x8f, 0x6a, 0xd8, 0xff},
	{0xd2, 0x49, 0x4e, 0xff}, {0x17, 0x8c, 0x9e, 0xff}, {0x9a, 0x7a, 0x00, 0xff}, {0xc2, 0x55, 0x9d, 0xff},
}

func colour(i int) color.RGBA { return colours[i%len(colours)] }

// dash and glyph tell series apart without their colours.
func dash(i int) []vg.Length {
	return [][]vg.Length{nil, {vg.Points(5), vg.Points(2)}, {vg.Points(1.5), vg.Points(2)}}[i%3]
}

func glyph(i int) draw.GlyphDrawer {
	return []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.BoxGlyph{}, draw.CrossGlyph{}}[i%7]
}

func style(t *draw.TextStyle, size vg.Length) {
	t.Font = font.From(font.Font{Typeface: fontName, Variant: fontStyle}, size)
	t.Color = ink
}

// addErrors adds the error bars of those points that have one.
func addErrors(p *plot.Plot, xys plotter.XYs, points []Point, c color.Color) error {
	var of struct {
		plotter.XYs
		plotter.YErrors
	}
	for i, point := range points {
		if point.Low == 0 && point.High == 0 {
			continue
		}
		of.XYs = append(of.XYs, xys[i])
		of.YErrors = append(of.YErrors, struct{ Low, High float64 }{math.Max(0, point.Y-point.Low), math.Max(0, point.High-point.Y)})
	}
	if len(of.XYs) == 0 {
		return nil
	}
	bars, err := plotter.NewYErrorBars(of)
	if err != nil {
		return err
	}
	bars.Color = c
	p.Add(bars)
	return nil
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// adapt gives the drawing a name that is read aloud, fonts that everybody has, and
// the colours of a dark page where the reader has chosen one. What stands before the
// element, which has no place in a page, goes.
func adapt(svg []byte, figures []Figure) []byte {
	var titles, rules strings.Builder
	for i, f := range figures {
		if i > 0 {
			titles.WriteString("; ")
		}
		titles.WriteString(f.Title)
	}
	for _, c := range dark {
		fmt.Fprintf(&rules, `.inroads-plot [style*="fill:%[1]s"]{fill:%[2]s!important}.inroads-plot [style*="stroke:%[1]s"]{stroke:%[2]s!important}`, c.light, c.dark)
	}
	head := fmt.Sprintf("<title>%s</title>\n<style>@media (prefers-color-scheme:dark){%s}</style>\n", html.EscapeString(titles.String()), rules.String())
	start := bytes.Index(svg, []byte("<svg"))
	end := start + bytes.IndexByte(svg[start:], '>') + 1
	out := bytes.NewBuffer(nil)
	out.Write(bytes.Replace(svg[start:end], []byte("<svg"), []byte(`<svg class="inroads-plot" role="img"`), 1))
	out.WriteString("\n" + head)
	out.Write(bytes.ReplaceAll(svg[end:], []byte("font-family:Liberation Sans"), []byte("font-family:"+family)))
	return out.Bytes()
}
