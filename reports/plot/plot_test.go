package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"
)

// latency and runs are figures of both sorts, with a series that has gaps.
var (
	latency = Figure{
		Title: "Latency <by percentile>",
		X:     Axis{Label: "percentile", Log: true, Ticks: []Tick{{1, "0"}, {10, "90"}, {100, "99"}}},
		Y:     Axis{Label: "latency", Unit: "ms", Log: true},
		Lines: []Series{
			{Name: "direct", Points: []Point{{X: 100, Y: 4}, {X: 1, Y: 0.5}, {X: 10, Y: 1.2}}},
			{Name: "kubectl-proxy", Points: []Point{{X: 1, Y: 0.9}, {X: 10, Y: 2.1}, {X: 100, Y: 9}, {X: 1000, Y: 0}}},
		},
	}
	runs = Figure{
		Title:      "Time of a run",
		X:          Axis{Label: "release"},
		Y:          Axis{Label: "time", Unit: "s"},
		Categories: []string{"v1.36", "v1.37"},
		Bars: []Series{
			{Name: "core", Points: []Point{{Y: 95, Low: 90, High: 103}, {Y: 97, Low: 91, High: 99}}},
			{Name: "page", Points: []Point{{Y: math.NaN()}, {Y: 388}}},
		},
	}
)

// texts returns what a reader of the SVG reads, and fails where it is no XML.
func texts(t *testing.T, svg []byte) (all []string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			all = append(all, strings.TrimSpace(string(text)))
		}
	}
}

func TestSVG(t *testing.T) {
	svg, err := SVG(latency, runs)
	if err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("INROADS_PLOT"); path != "" {
		if err := os.WriteFile(path, svg, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := strings.Join(texts(t, svg), "\n")
	for _, want := range []string{
		"Latency <by percentile>", "Time of a run", "percentile", "latency (ms)", "time (s)", "direct", "kubectl-proxy",
		"core", "page", "v1.36", "v1.37", "99", "0.5",
	} {
		if !strings.Contains(read, want) {
			t.Errorf("nobody reads %q in it", want)
		}
	}
	again, err := SVG(latency, runs)
	if err != nil || string(again) != string(svg) {
		t.Errorf("the same figures give other bytes, %v", err)
	}
}

// TestColours proves that a dark page has other colours for all but the series, and
// that every text has one of them.
func TestColours(t *testing.T) {
	svg, err := SVG(latency, runs)
	if err != nil {
		t.Fatal(err)
	}
	style, drawing, _ := strings.Cut(string(svg), "</style>")
	for _, c := range dark {
		if !strings.Contains(drawing, c.light) || !strings.Contains(style, c.light+`"]{fill:`+c.dark) {
			t.Errorf("%s is not drawn, or is no other colour on a dark page", c.light)
		}
	}
	for _, element := range strings.Split(drawing, "<text")[1:] {
		if opening, _, _ := strings.Cut(element, ">"); !strings.Contains(opening, "fill:"+hex(ink)) || !strings.Contains(opening, "sans-serif") {
			t.Errorf("a text has its own colour or font: <text%s>", opening)
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	if _, err := SVG(); err == nil {
		t.Error("no figures are drawn")
	}
	empty := Figure{Title: "empty", Y: Axis{Log: true}, Lines: []Series{{Name: "none", Points: []Point{{X: 1, Y: 0}, {X: 1, Y: math.NaN()}}}}}
	if _, err := SVG(latency, empty); err == nil || !strings.Contains(err.Error(), `"empty"`) {
		t.Errorf("a figure without a point: %v", err)
	}
}

// TestOnePoint proves that a scale is found for a figure that has no extent.
func TestOnePoint(t *testing.T) {
	for _, log := range []bool{false, true} {
		f := Figure{Title: "one", X: Axis{Log: log}, Y: Axis{Log: log}, Lines: []Series{{Name: "a", Points: []Point{{X: 1, Y: 3}}}}}
		svg, err := SVG(f)
		if err != nil || strings.Contains(string(svg), "NaN") {
			t.Errorf("logarithmic %v: %v", log, err)
		}
	}
}
