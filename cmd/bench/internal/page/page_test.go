package page

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/figures"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/measure"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
)

func result() figures.Result {
	var all []samples.Sample
	for round := range 5 {
		for arm, seconds := range map[string]float64{measure.ArmFloor: 20, measure.ArmInroads: 40} {
			all = append(all, samples.Sample{
				Time: time.Unix(1, 0).UTC(), Experiment: measure.Made, Arm: arm, Round: round + 1, Load: [3]float64{0.25, 0.5, 1},
				Values: map[string]float64{"seconds": seconds + float64(round), "createSeconds": 14, "claims": 97, "proven": 97},
			})
		}
	}
	all = append(all, samples.Sample{Experiment: measure.Cost, Arm: "core-4", Round: 1, Failure: "<it broke>"})
	return figures.New(samples.Setup{Version: "v0.1.0", Procs: 4, UnpackedBytes: 499e6, Machine: samples.Machine{Processors: 2, Memory: 8 << 30}}, all, nil)
}

func TestPage(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, result()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	var r figures.Result
	if err := json.Unmarshal(data, &r); err != nil || r.Kind != figures.Kind || len(r.Figures) != 8 {
		t.Errorf("the JSON has %d figures: %v", len(r.Figures), err)
	}
	html, err := os.ReadFile(filepath.Join(dir, HTMLFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<td>≤ 1.5 ×</td><td>1.91 ×</td><td class=\"missed\">", "≤ 15 s", "class=\"reached\"", "class=\"not measured\"", "&lt;it broke&gt;", "<svg", "94 %"} {
		if !strings.Contains(strings.ReplaceAll(string(html), between, " "), want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, no := range []string{"<script", "<?xml", "src=", "url("} {
		if strings.Contains(string(html), no) {
			t.Errorf("the page has %s", no)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "s", "0 s"}, {0.00012, "s", "0.000 s"}, {0.1234, "s", "0.123 s"}, {1.2345, "×", "1.23 ×"}, {12.345, "s", "12.3 s"}, {1234.5, "kB", "1234 kB"}, {97, "", "97"},
	} {
		if got := strings.ReplaceAll(number(c.v, c.unit), between, " "); got != c.want {
			t.Errorf("%v %s: %s", c.v, c.unit, got)
		}
	}
}
