package figures

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/measure"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/peer"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
	"github.com/inroads-k8s/inroads/reports/plot"
)

// Goals, in the units of their rows.
const (
	goalSetUp      = 1.5
	goalCore       = 15
	goalPair       = 1
	goalPreflight  = 2
	goalBound      = 1
	goalList       = 0.15
	goalListMemory = 60
	goalUnpacked   = 500
	goalReady      = 15
	goalNothing    = 8 * 60
	goalWeight     = 50
)

const (
	mega = 1e6
	kilo = 1e3
	// weighed is how many claims a weight is of.
	weighed = 10
	// longest is how many rows a list of requests has.
	longest = 20
	// drawnAgents is how many programs a plot has.
	drawnAgents = 6
)

// setUp is figure (a).
func (d data) setUp() Figure {
	whole, floor := side{measure.Made, measure.ArmInroads, value("seconds", 1)}, side{measure.Made, measure.ArmFloor, value("seconds", 1)}
	f := Figure{
		ID: "a", Title: "make e2e over what kind costs",
		About: "A run of the core profile that makes its own cluster and removes it, everything that it needs being there, over the floor: kind alone makes and removes the same cluster of the same image in the same engine, waiting until it takes it for ready, and one pod is started.",
	}
	run := newRow("make e2e", Seconds, d.each(whole.experiment, whole.arm, whole.take)...)
	under := newRow("floor", Seconds, d.each(floor.experiment, floor.arm, floor.take)...)
	f.Rows = []Row{newRow("make e2e over the floor", Ratio, d.ratios(whole, floor)...).atMost(goalSetUp), run, under}
	for _, part := range []struct{ name, value string }{{"kind makes the cluster", "createSeconds"}, {"a pod starts", "podSeconds"}, {"kind removes the cluster", "deleteSeconds"}} {
		f.Rows = append(f.Rows, newRow("floor: "+part.name, Seconds, d.each(floor.experiment, floor.arm, value(part.value, 1))...))
	}
	f.Notes = d.unproven(whole.experiment, whole.arm)
	f.Plots = bars("A cluster of its own, and the floor", Seconds, []string{"make e2e", "floor"}, run, under)
	return f
}

// unproven tells of runs that did not prove all.
func (d data) unproven(experiment, arm string) (notes []string) {
	runs, least := 0, math.Inf(1)
	all := d.of(experiment, arm)
	for _, s := range all {
		if missing := s.Values["claims"] - s.Values["proven"]; missing > 0 {
			runs, least = runs+1, min(least, s.Values["proven"])
		}
	}
	if runs == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: in %d of %d rounds not all claims were proven, but %.0f at least.", arm, runs, len(all), least)}
}

// core is figure (b).
func (d data) core(procs int) Figure {
	core := side{measure.Warm, measure.ArmCore(procs), value("seconds", 1)}
	upstream := side{measure.Warm, measure.ArmUpstream, value("seconds", 1)}
	f := Figure{
		ID: "b", Title: "The core profile, and upstream's tests of the same ways in",
		About: fmt.Sprintf("On one cluster that is there, in %d processes each: the core profile; upstream's e2e.test with the focus %s; and, for the pairs, the claims alone that prove what a spec of upstream's proves. A pair is slower than upstream's where its ratio is above 1.", procs, peer.Focus),
	}
	f.Rows = []Row{
		newRow("core profile", Seconds, d.each(core.experiment, core.arm, core.take)...).atMost(goalCore),
		newRow("upstream's specs", Seconds, d.each(upstream.experiment, upstream.arm, upstream.take)...),
		newRow("core profile over upstream's specs", Ratio, d.ratios(core, upstream)...),
	}
	theirs, ours := plot.Series{Name: "upstream"}, plot.Series{Name: "inroads"}
	var numbers []string
	f.Table = &Table{Head: []string{"pair", "claim", "spec of upstream's", "both prove that", "left out of upstream's time"}}
	for i, p := range peer.Pairs() {
		number := strconv.Itoa(i + 1)
		a := side{measure.Warm, measure.ArmPairs, spec(string(p.Claim), 0)}
		b := side{measure.Warm, measure.ArmUpstream, spec(p.Upstream, p.Wait)}
		f.Rows = append(f.Rows, newRow("pair "+number+": "+string(p.Claim)+" over upstream's", Ratio, d.ratios(a, b)...).atMost(goalPair))
		theirs.Points = append(theirs.Points, newRow("", Seconds, d.each(b.experiment, b.arm, b.take)...).point(0))
		ours.Points = append(ours.Points, newRow("", Seconds, d.each(a.experiment, a.arm, a.take)...).point(0))
		numbers = append(numbers, number)
		left := "nothing"
		if p.Wait > 0 {
			left = p.Wait.String() + ": " + p.Why
		}
		f.Table.Rows = append(f.Table.Rows, []string{number, string(p.Claim), p.Upstream, p.Both, left})
	}
	f.Notes = append(d.unproven(core.experiment, core.arm), d.upstream()...)
	f.Plots = drawn(plot.Figure{
		Title: "Pairs of a claim and a spec of upstream's", X: plot.Axis{Label: "pair"}, Y: plot.Axis{Label: "time", Unit: Seconds},
		Categories: numbers, Bars: []plot.Series{theirs, ours},
	})
	return f
}

// upstream tells what became of upstream's specs.
func (d data) upstream() (notes []string) {
	failed, specs := map[string]string{}, 0
	for _, s := range d.of(measure.Warm, measure.ArmUpstream) {
		specs = max(specs, len(s.Specs))
		for _, one := range s.Specs {
			if one.State != samples.Passed {
				failed[one.Name] = one.Why
			}
		}
	}
	if specs == 0 {
		return nil
	}
	notes = append(notes, fmt.Sprintf("Upstream ran %d specs, of which %d did not pass. Its whole time has its fixed waits in it, of which the longest is 30 s, before the log of the pod of ServiceAccountIssuerDiscovery is read; the times of the pairs have none.", specs, len(failed)))
	for _, name := range sorted(failed) {
		notes = append(notes, "Not passed, so it is in no pair: "+name+": "+failed[name])
	}
	return append(notes, "The image of upstream's pods is agnhost of the node image, with the paths and the certificate of upstream's, and ss as its netstat.")
}

// verdicts is figure (c).
func verdicts(m *reports.Matrix) Figure {
	f := Figure{
		ID: "c", Title: "Time to the verdict over the fault matrix",
		About: "From the command to the verdict, for each fault that was injected into a real cluster. A fault on the way to the API server is named by the preflight of a run, which is to take less than 2 s; any other turns claims red, each within the time that the catalogue bounds it by.",
	}
	var ways, others, shares []float64
	if m != nil {
		for _, row := range m.Faults {
			if row.Skipped != "" || row.Failure != "" {
				continue
			}
			if row.Preflight.Way {
				ways = append(ways, time.Duration(row.Preflight.Duration).Seconds())
			}
			for _, p := range row.Pairs {
				claim, err := catalog.Lookup(p.Claim)
				if p.NotApplicable() || row.Preflight.Way || err != nil {
					continue
				}
				took := time.Duration(p.Time).Seconds()
				others, shares = append(others, took), append(shares, took/claim.Bound().Seconds())
			}
		}
		f.Notes = append(f.Notes, fmt.Sprintf("The matrix has %d faults and %d pairs of a claim and a fault, of which %d were detected.", m.Summary.Faults, m.Summary.Pairs, m.Summary.Detected))
	}
	for _, of := range []struct {
		name   string
		values []float64
	}{{"a fault on the way", ways}, {"any other fault", others}} {
		half, most := newRow(of.name+": median", Seconds, of.values...), newRow(of.name+": 90th percentile", Seconds, of.values...)
		if len(of.values) > 0 {
			most.Median = quantile(slices.Sorted(slices.Values(of.values)), 0.9)
		}
		if of.name == "a fault on the way" {
			most = most.atMost(goalPreflight)
		}
		f.Rows = append(f.Rows, half, most)
	}
	worst := newRow("longest, as a share of its claim's bound", Ratio)
	if len(shares) > 0 {
		worst = newRow(worst.Name, Ratio, slices.Max(shares))
	}
	f.Rows = append(f.Rows, worst.atMost(goalBound))
	f.Plots = drawn(plot.Figure{
		Title: "Share of the verdicts after so much time", X: plot.Axis{Label: "time to the verdict", Unit: Seconds, Log: true}, Y: plot.Axis{Label: "share"},
		Lines: []plot.Series{{Name: "on the way", Points: shareAfter(ways)}, {Name: "others", Points: shareAfter(others)}},
	})
	return f
}

// shareAfter is which share of the values is at most as large as each.
func shareAfter(values []float64) (points []plot.Point) {
	sort.Float64s(values)
	for i, v := range values {
		points = append(points, plot.Point{X: v, Y: float64(i+1) / float64(len(values))})
	}
	return points
}

// startUp is figure (d).
func (d data) startUp() Figure {
	f := Figure{
		ID: "d", Title: "Start-up: time and memory",
		About: "The program alone, from its start to its end, and the most memory that one of its processes has. The goal of doctor is the one that its documentation gives.",
	}
	var times, memory []Row
	var names []string
	for _, c := range []struct{ arm, name string }{
		{measure.ArmList, "inroads list"}, {measure.ArmDryRun, "inroads run --dry-run"}, {measure.ArmDoctor, "inroads doctor"}, {measure.ArmOne, "inroads run of one claim without pods"},
	} {
		took := newRow(c.name, Seconds, d.each(measure.Warm, c.arm, value("seconds", 1))...)
		held := newRow(c.name+": memory", Megabyte, d.each(measure.Warm, c.arm, value("maxRSSBytes", mega))...)
		switch c.arm {
		case measure.ArmList:
			took, held = took.atMost(goalList), held.atMost(goalListMemory)
		case measure.ArmDoctor:
			took = took.atMost(goalPreflight)
		}
		times, memory, names = append(times, took), append(memory, held), append(names, c.arm)
	}
	f.Rows = slices.Concat(times, memory)
	if floor := d.each(measure.Warm, measure.ArmList, value("floorRSSBytes", mega)); len(floor) > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("Less than %.0f MB cannot be told: that is what the process has that starts the program.", slices.Max(floor)))
	}
	f.Plots = slices.Concat(bars("Time", Seconds, names, times...), bars("Memory", Megabyte, names, memory...))
	return f
}

// cost is figure (e).
func (d data) cost(procs int) Figure {
	arm := measure.ArmCore(procs)
	f := Figure{
		ID: "e", Title: "What the core profile takes of a cluster and of the machine",
		About: "One run of the core profile on a cluster that is there, whose API server writes down every request. Requests are those that are not of the cluster's own parts. Polling is a GET or LIST of an object by the same caller three times or more in a row, within a second of the one before, where a watch would have told; all but the first of such a row count.",
	}
	for _, v := range []struct {
		name, value, unit string
		of                float64
	}{
		{"requests to the API server", "requests", Number, 1}, {"requests that poll", "polled", Number, 1},
		{"answers to GET and LIST, all clients", "apiReadBytes", Megabyte, mega}, {"pods that were given a node", "pods", Number, 1},
		{"processor time of inroads and its programs", "cpuSeconds", Seconds, 1}, {"processor time of the nodes", "nodeCPUSeconds", Seconds, 1},
	} {
		f.Rows = append(f.Rows, newRow(v.name, v.unit, d.each(measure.Cost, arm, value(v.value, v.of))...))
	}
	of := d.of(measure.Cost, arm)
	all := rounds(of)
	if len(all) == 0 {
		return f
	}
	last := of[all[len(all)-1]]
	f.Table = &Table{Head: []string{"kind", "of the last round", "requests"}}
	for _, kind := range []string{measure.CountRequests, measure.CountPolled, measure.CountAgents} {
		names := byCount(last.Counts[kind])
		for _, name := range names[:min(len(names), longest)] {
			f.Table.Rows = append(f.Table.Rows, []string{kind, name, strconv.Itoa(last.Counts[kind][name])})
		}
		if rest := len(names) - longest; rest > 0 {
			f.Table.Rows = append(f.Table.Rows, []string{kind, fmt.Sprintf("%d others", rest), ""})
		}
	}
	var most []Row
	names := byCount(last.Counts[measure.CountAgents])
	names = names[:min(len(names), drawnAgents)]
	for _, name := range names {
		most = append(most, newRow(name, Number, d.each(measure.Cost, arm, func(s samples.Sample) (float64, bool) {
			return float64(s.Counts[measure.CountAgents][name]), true
		})...))
	}
	f.Plots = bars("Requests by the program that asks", Number, names, most...)
	return f
}

// scaling is figure (f).
func (d data) scaling() Figure {
	f := Figure{
		ID: "f", Title: "More processes",
		About: "The core profile on one cluster that is there, in so many processes, and how much faster than in one.",
	}
	line := plot.Series{Name: "core profile"}
	var ticks []plot.Tick
	one := side{measure.Warm, measure.ArmCore(1), value("seconds", 1)}
	for _, n := range measure.Processes {
		of := side{measure.Warm, measure.ArmCore(n), value("seconds", 1)}
		took := newRow(fmt.Sprintf("%d processes", n), Seconds, d.each(of.experiment, of.arm, of.take)...)
		f.Rows = append(f.Rows, took)
		if n > 1 {
			f.Rows = append(f.Rows, newRow(fmt.Sprintf("one process over %d", n), Ratio, d.ratios(one, of)...))
		}
		line.Points = append(line.Points, took.point(float64(n)))
		ticks = append(ticks, plot.Tick{At: float64(n), Label: strconv.Itoa(n)})
		f.Notes = append(f.Notes, d.unproven(of.experiment, of.arm)...)
	}
	f.Plots = drawn(plot.Figure{
		Title: "The core profile by processes", X: plot.Axis{Label: "processes", Log: true, Ticks: ticks}, Y: plot.Axis{Label: "time", Unit: Seconds},
		Lines: []plot.Series{line},
	})
	return f
}

// image is figure (g).
func (d data) image(setup samples.Setup) Figure {
	ours := side{measure.Made, measure.ArmInroads, value("createSeconds", 1)}
	floor := side{measure.Made, measure.ArmFloor, value("createSeconds", 1)}
	f := Figure{
		ID: "g", Title: "The node image",
		About: "Its size; how long it takes until two nodes of it are ready, as a run makes them, and as kind alone makes and waits for them; and its build where no module is downloaded and nothing is compiled, with the packages that the machine has.",
	}
	ready := newRow("two nodes are ready", Seconds, d.each(ours.experiment, ours.arm, ours.take)...).atMost(goalReady)
	alone := newRow("kind alone", Seconds, d.each(floor.experiment, floor.arm, floor.take)...)
	f.Rows = []Row{
		newRow("archive", Megabyte, float64(setup.ArchiveBytes)/mega),
		newRow("unpacked", Megabyte, float64(setup.UnpackedBytes)/mega).atMost(goalUnpacked),
		ready, alone, newRow("two nodes over kind alone", Ratio, d.ratios(ours, floor)...),
		newRow("built from nothing", Seconds, d.each(measure.Nothing, measure.ArmImage, value("seconds", 1))...).atMost(goalNothing),
	}
	if f.Rows[len(f.Rows)-1].Verdict == Unmeasured {
		f.Notes = append(f.Notes, "The build from nothing is measured with --from-nothing.")
	}
	f.Plots = bars("Until two nodes are ready", Seconds, []string{"inroads", "kind alone"}, ready, alone)
	return f
}

// weight is figure (h).
func (d data) weight(procs int) Figure {
	f := Figure{
		ID: "h", Title: "The size of reports",
		About: "Each report of a run of ten claims, and of the core profile for each ten of its claims. The page of a run carries its style and its script, whatever it has to tell.",
	}
	var whole, ten plot.Series
	ten.Name, whole.Name = "a run of ten claims", "ten claims of the core profile"
	for _, file := range measure.ReportFiles {
		per := func(s samples.Sample) (float64, bool) {
			bytes, ok := s.Values[file+"Bytes"]
			return bytes / kilo * weighed / s.Values["claims"], ok && s.Values["claims"] > 0
		}
		alone := newRow(file+" of ten claims", Kilobyte, d.each(measure.Warm, measure.ArmTen, per)...).atMost(goalWeight)
		each := newRow(file+" of the core profile, for ten claims", Kilobyte, d.each(measure.Warm, measure.ArmCore(procs), per)...).atMost(goalWeight)
		f.Rows = append(f.Rows, alone, each, newRow(file+" of the core profile", Kilobyte, d.each(measure.Warm, measure.ArmCore(procs), value(file+"Bytes", kilo))...))
		ten.Points, whole.Points = append(ten.Points, alone.point(0)), append(whole.Points, each.point(0))
	}
	f.Plots = drawn(plot.Figure{
		Title: "Reports of ten claims", X: plot.Axis{Label: "file"}, Y: plot.Axis{Label: "size", Unit: Kilobyte},
		Categories: measure.ReportFiles, Bars: []plot.Series{ten, whole},
	})
	return f
}

// bars draws each row as a bar of the name.
func bars(title, unit string, names []string, rows ...Row) []plot.Figure {
	f := plot.Figure{Title: title, Y: plot.Axis{Label: "median", Unit: unit}, Categories: names, Bars: []plot.Series{{Name: "lowest to highest"}}}
	for _, r := range rows {
		f.Bars[0].Points = append(f.Bars[0].Points, r.point(0))
	}
	return drawn(f)
}

// drawn leaves out a plot in which there is nothing to see.
func drawn(f plot.Figure) []plot.Figure {
	for _, s := range slices.Concat(f.Lines, f.Bars) {
		if slices.ContainsFunc(s.Points, func(p plot.Point) bool { return !math.IsNaN(p.Y) }) {
			return []plot.Figure{f}
		}
	}
	return nil
}

// byCount are the names, the most frequent first.
func byCount(counts map[string]int) []string {
	names := sorted(counts)
	slices.SortStableFunc(names, func(a, b string) int { return counts[b] - counts[a] })
	return names
}

func sorted[T any](of map[string]T) (names []string) {
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
