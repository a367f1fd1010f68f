package samples_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
)

func TestSamplesOfAKilledBenchmark(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	setup := samples.Setup{Version: "v1", Procs: 4, Machine: samples.Machine{Processors: 2}}
	want := []samples.Sample{
		{Time: time.Unix(1, 0).UTC(), Experiment: "warm", Arm: "core", Round: 1, Load: [3]float64{1, 2, 3}, Values: map[string]float64{"seconds": 1.5}},
		{Time: time.Unix(2, 0).UTC(), Experiment: "warm", Arm: "upstream", Round: 1, Specs: []samples.Spec{{Name: "a", Seconds: 2, State: samples.Passed}}},
	}
	log, err := samples.Open(dir, setup)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Add(want[0]); err != nil {
		t.Fatal(err)
	}
	// Killed in the middle of a line.
	file, err := os.OpenFile(filepath.Join(dir, samples.File), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"time":"2026-`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if log, err = samples.Open(dir, setup); err != nil {
		t.Fatal(err)
	}
	if err := log.Add(want[1]); err != nil {
		t.Fatal(err)
	}
	there, got, err := samples.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if there != setup || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(log.All(), want) {
		t.Errorf("read %+v, %+v", there, got)
	}
}

func TestSamplesOfAnotherSetup(t *testing.T) {
	dir := t.TempDir()
	if _, err := samples.Open(dir, samples.Setup{Binary: "one"}); err != nil {
		t.Fatal(err)
	}
	if _, err := samples.Open(dir, samples.Setup{Binary: "two"}); err == nil {
		t.Error("samples of two programs are mixed")
	}
	if _, _, err := samples.Load(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a folder without samples is read")
	}
}
