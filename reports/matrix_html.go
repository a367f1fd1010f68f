package reports

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

var (
	//go:embed matrix.gohtml
	matrixPage string
	//go:embed matrix.css
	matrixStyle string
)

var matrixTemplate = template.Must(template.New("matrix").Parse(matrixPage))

// HTML returns the matrix as one page that needs nothing else: claims down,
// faults across.
func (m Matrix) HTML() ([]byte, error) {
	var out bytes.Buffer
	if err := matrixTemplate.Execute(&out, m.grid()); err != nil {
		return nil, fmt.Errorf("writing the matrix as HTML: %w", err)
	}
	return out.Bytes(), nil
}

// classes are the styles of the page, by mark.
var classes = map[string]string{"✔": "right", "✘": "wrong"}

// grid is what the page shows.
type grid struct {
	assets
	Matrix Matrix
	Lines  []string
	Took   Duration
	Faults []FaultRow
	Rows   []gridRow
}

type gridRow struct {
	Claim catalog.ID
	Cells []gridCell
}

// gridCell is empty where the claim does not name the fault.
type gridCell struct {
	Pair  *Pair
	Fault string
	Class string
	Title string
}

func (m Matrix) grid() grid {
	g := grid{assets: newAssets(pageStyle+matrixStyle, ""), Matrix: m, Lines: m.Lines(), Took: Duration(m.Finished.Sub(m.Started))}
	concerned := map[catalog.ID]bool{}
	for _, f := range m.Faults {
		if f.Skipped != "" {
			continue
		}
		g.Faults = append(g.Faults, f)
		for _, p := range f.Pairs {
			concerned[p.Claim] = true
		}
	}
	for _, c := range catalog.Claims() {
		if !concerned[c.ID] {
			continue
		}
		row := gridRow{Claim: c.ID}
		for _, f := range g.Faults {
			row.Cells = append(row.Cells, cellOf(f, c.ID))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func cellOf(f FaultRow, id catalog.ID) gridCell {
	for _, p := range f.Pairs {
		if p.Claim != id {
			continue
		}
		cell := gridCell{Pair: &p, Fault: f.Name, Class: classes[p.Mark()]}
		cell.Title = fmt.Sprintf("%s under %s: %s, %s in %s; healed: %s", id, f.Name, p.Verdict, p.blame(), p.Time, p.Healed)
		return cell
	}
	return gridCell{}
}
