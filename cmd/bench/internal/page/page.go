// Package page writes what a benchmark found: as JSON, and as one page that needs
// nothing else.
package page

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/figures"
	"github.com/inroads-k8s/inroads/reports"
	"github.com/inroads-k8s/inroads/reports/plot"
)

// Files of a benchmark, below its folder.
const (
	JSONFile = "benchmark.json"
	HTMLFile = "benchmark.html"
)

var (
	//go:embed page.gohtml
	layout string
	//go:embed page.css
	style string
)

var pageTemplate = template.Must(template.New("benchmark").Funcs(template.FuncMap{
	"number": number, "spread": spread, "goal": goal, "plots": plots, "percent": percent,
}).Parse(layout))

// Write puts both files into the folder.
func Write(dir string, r figures.Result) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the benchmark as JSON: %w", err)
	}
	page, err := HTML(r)
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, JSONFile), append(data, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, HTMLFile), page, 0o644),
	)
	if err != nil {
		return fmt.Errorf("writing the benchmark: %w", err)
	}
	return nil
}

// HTML returns the page.
func HTML(r figures.Result) ([]byte, error) {
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, struct {
		figures.Result
		Style template.CSS
		Rows  int
	}{r, template.CSS(reports.PageStyle() + style), most(r)})
	if err != nil {
		return nil, fmt.Errorf("writing the benchmark as HTML: %w", err)
	}
	return out.Bytes(), nil
}

// most is how many rounds the row has that has most.
func most(r figures.Result) (n int) {
	for _, f := range r.Figures {
		if f.ID == "c" {
			continue // a value for each fault
		}
		for _, row := range f.Rows {
			n = max(n, len(row.Values))
		}
	}
	return n
}

// plots draws the plots of a figure.
func plots(f figures.Figure) (out []template.HTML, err error) {
	for _, p := range f.Plots {
		svg, err := plot.SVG(p)
		if err != nil {
			return nil, err
		}
		// A page has the drawing and not the document that it is in.
		out = append(out, template.HTML(svg[max(0, bytes.Index(svg, []byte("<svg"))):]))
	}
	return out, nil
}

// between keeps a number and its unit on one line.
const between = "\u00a0"

// number writes three digits that count, and no power of ten.
func number(v float64, unit string) string {
	digits := 0
	if v != 0 {
		digits = min(max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0), 3)
	}
	if v == math.Trunc(v) && unit == figures.Number {
		digits = 0
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if unit == "" {
		return text
	}
	return text + between + unit
}

func spread(r figures.Row) string {
	if len(r.Values) < 2 {
		return ""
	}
	low := strings.TrimSuffix(number(r.Low, r.Unit), between+r.Unit)
	return low + " – " + number(r.High, r.Unit)
}

func goal(r figures.Row) string {
	if r.Most == nil {
		return ""
	}
	return "≤" + between + strings.TrimSuffix(strconv.FormatFloat(*r.Most, 'f', -1, 64)+between+r.Unit, between)
}

// Line is a row in one line: its median, its spread, its goal and what it says of it.
func Line(r figures.Row) string {
	text := number(r.Median, r.Unit)
	if s := spread(r); s != "" {
		text += " (" + s + ")"
	}
	if g := goal(r); g != "" {
		text += ", goal " + g
	}
	return text + ": " + string(r.Verdict)
}

func percent(n int) string { return fmt.Sprintf("%.0f %%", 100*figures.Confidence(n)) }
