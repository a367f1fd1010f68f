package reports

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/inroads-k8s/inroads/reports/plot"
)

// measuredHead are the columns of a measurement as text.
var measuredHead = []string{"load", "way", "at a time", "n", "errors", "p50", "p90", "p99", "max", "per second", "compared", "p50 by hop"}

// Rows returns the measurement as text: what the columns are, and a row for each way
// at each concurrency. A way that does not apply has one row, which says why.
func (m Measurement) Rows() (head []string, rows [][]string) {
	for _, w := range m.Ways {
		if w.NotApplicable != "" {
			rows = append(rows, measuredRow(w, "not applicable: "+oneLineOf(clean(w.NotApplicable))))
			continue
		}
		for _, r := range w.Runs {
			row := []string{
				w.Load, w.Name, strconv.Itoa(r.Concurrency), strconv.FormatInt(r.Whole.N, 10), strconv.FormatInt(r.Errors, 10),
				r.Whole.P50.String(), r.Whole.P90.String(), r.Whole.P99.String(), r.Whole.Max.String(), w.rate(r), r.Over.String(), r.byHop(),
			}
			if r.Whole.N == 0 {
				row = measuredRow(w, "nothing was measured")
				row[2], row[4] = strconv.Itoa(r.Concurrency), strconv.FormatInt(r.Errors, 10)
			}
			rows = append(rows, row)
		}
		if w.Stopped != "" {
			rows = append(rows, measuredRow(w, "stopped: "+oneLineOf(clean(w.Stopped))))
		}
	}
	return measuredHead, rows
}

// measuredRow is a row that has only words.
func measuredRow(w MeasuredWay, words string) []string {
	row := make([]string, len(measuredHead))
	row[0], row[1], row[len(row)-1] = w.Load, w.Name, words
	return row
}

// rate is what the way got through in a second.
func (w MeasuredWay) rate(r MeasuredRun) string {
	if w.transfers() {
		return fmt.Sprintf("%.1f MB", r.BytesPerSecond.Median/1e6)
	}
	return fmt.Sprintf("%.0f", r.PerSecond.Median)
}

// transfers is whether bytes tell more of the way than requests.
func (w MeasuredWay) transfers() bool { return w.Load == "transfer" }

// byHop are the medians of the parts of a request.
func (r MeasuredRun) byHop() string {
	var parts []string
	for _, h := range r.Hops {
		text := h.Hop + " " + h.P50.String()
		if h.N < r.Whole.N/2 {
			text += fmt.Sprintf(" (%d of %d)", h.N, r.Whole.N)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// String is the comparison in words: "×1.9 (1.7–2.2) of direct, +0.41ms".
func (c *Comparison) String() string {
	if c == nil {
		return ""
	}
	sign := "+"
	if c.Adds.Median < 0 {
		sign = "−"
	}
	return fmt.Sprintf("×%.2f (%.2f–%.2f) of %s, %s%s", c.Ratio.Median, c.Ratio.Low, c.Ratio.High, c.Way, sign, Microseconds(max(c.Adds.Median, -c.Adds.Median)))
}

// Lines say what was measured, and how, in sentences.
func (m Measurement) Lines() []string {
	t := m.Terms
	loop := "closed loop: each caller asks again once it is answered, so that high percentiles leave out the requests that a slow answer kept from being made"
	if t.Loop == PacedLoop {
		loop = fmt.Sprintf("paced: %g requests a second, each timed from when it was due", t.Rate)
	}
	lines := []string{
		fmt.Sprintf("%d requests, %s for each way and concurrency, in %d rounds in which the ways took turns", m.Requests, t.Duration, t.Rounds),
		loop,
		"compared: the median of each round with that of the same round, and the least and the most of it",
	}
	var throttled, unsent int64
	for _, w := range m.Ways {
		for _, r := range w.Runs {
			throttled, unsent = throttled+r.Throttled, unsent+r.Unsent
		}
	}
	if throttled > 0 {
		lines = append(lines, fmt.Sprintf("429: %d requests were asked to come back later, and all ways waited", throttled))
	}
	if unsent > 0 {
		lines = append(lines, fmt.Sprintf("unsent: %d requests that the rate asked for found no connection free", unsent))
	}
	if m.Interrupted {
		lines = append(lines, "interrupted: not all was measured")
	}
	if m.CleanUp != "" {
		lines = append(lines, "not cleaned up: "+oneLineOf(clean(m.CleanUp)))
	}
	return lines
}

// WriteTable writes the rows, and how they were come by. It returns the writer's
// error.
func (m Measurement) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head, rows := m.Rows()
	_, _ = fmt.Fprintln(w, strings.ToUpper(strings.Join(head, "\t")))
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the measurement: %w", err)
	}
	for _, line := range append([]string{""}, m.Lines()...) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return fmt.Errorf("writing the measurement: %w", err)
		}
	}
	return nil
}

// Figures are the plots of the measurement: for each load the latency by percentile
// at its lowest concurrency, and what was got through by concurrency. There are none
// where nothing was measured.
func (m Measurement) Figures() (figures []plot.Figure) {
	var loads []string
	ways := map[string][]MeasuredWay{}
	for _, w := range m.Ways {
		if len(w.Runs) == 0 {
			continue
		}
		if ways[w.Load] == nil {
			loads = append(loads, w.Load)
		}
		ways[w.Load] = append(ways[w.Load], w)
	}
	for _, load := range loads {
		first := ways[load][0]
		latency := plot.Figure{
			Title: fmt.Sprintf("%s: latency by percentile, %d at a time", load, first.Runs[0].Concurrency),
			X:     plot.Axis{Label: "percentile", Log: true, Ticks: percentileTicks},
			Y:     plot.Axis{Label: "latency", Unit: "ms", Log: true},
		}
		through := plot.Figure{
			Title: load + ": throughput by concurrency",
			X:     plot.Axis{Label: "requests at a time", Log: true},
			Y:     plot.Axis{Label: "requests", Unit: "1/s", Log: true},
		}
		if first.transfers() {
			through.Y = plot.Axis{Label: "bodies", Unit: "MB/s", Log: true}
		}
		points := 0
		for _, w := range ways[load] {
			l, t := plot.Series{Name: w.Name}, plot.Series{Name: w.Name}
			for _, p := range w.Runs[0].Distribution {
				// Half of what is left is as far on the axis at each place.
				l.Points = append(l.Points, plot.Point{X: 1 / (1 - p.Percentile/100), Y: float64(p.Time) / 1000})
			}
			for _, r := range w.Runs {
				s := r.PerSecond
				if w.transfers() {
					s = Spread{r.BytesPerSecond.Median / 1e6, r.BytesPerSecond.Low / 1e6, r.BytesPerSecond.High / 1e6}
				}
				t.Points = append(t.Points, plot.Point{X: float64(r.Concurrency), Y: s.Median, Low: s.Low, High: s.High})
			}
			latency.Lines, through.Lines = append(latency.Lines, l), append(through.Lines, t)
			points += len(l.Points)
		}
		if points > 0 {
			for _, c := range m.Terms.Concurrency {
				through.X.Ticks = append(through.X.Ticks, plot.Tick{At: float64(c), Label: strconv.Itoa(c)})
			}
			figures = append(figures, latency, through)
		}
	}
	return figures
}

var percentileTicks = []plot.Tick{{At: 1, Label: "0"}, {At: 2, Label: "50"}, {At: 10, Label: "90"}, {At: 100, Label: "99"}, {At: 1000, Label: "99.9"}, {At: 10000, Label: "99.99"}, {At: 100000, Label: "99.999"}}

//go:embed measurement.gohtml
var measurementPage string

var measurementTemplate = template.Must(template.New("measurement").Parse(measurementPage))

// HTML returns the measurement as one page that needs nothing else: the plots and
// the rows. It returns an error where there is nothing to draw.
func (m Measurement) HTML() ([]byte, error) {
	data := struct {
		Measurement
		Title   string
		Style   template.CSS
		Lines   []string
		Figures []template.HTML
		Head    []string
		Rows    [][]string
	}{Measurement: m, Title: "Ways into " + m.Cluster.Name, Style: template.CSS(pageStyle), Lines: m.Lines()}
	data.Head, data.Rows = m.Rows()
	for _, f := range m.Figures() {
		svg, err := plot.SVG(f)
		if err != nil {
			return nil, err
		}
		data.Figures = append(data.Figures, template.HTML(svg))
	}
	var out bytes.Buffer
	if err := measurementTemplate.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("writing the measurement as HTML: %w", err)
	}
	return out.Bytes(), nil
}

// About says where and when it was measured.
func (m Measurement) About() string {
	return fmt.Sprintf("%s %s on %s, Kubernetes %s, nodes: %d, %s, took %s", m.Tool.Name, m.Tool.Version, m.Cluster.Name, m.Cluster.KubernetesVersion,
		m.Cluster.Nodes, m.Started.Format("2006-01-02 15:04:05 MST"), m.Finished.Sub(m.Started).Round(time.Second))
}
