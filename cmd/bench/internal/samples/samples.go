// Package samples keeps what a benchmark measured, raw and as it comes: a line of
// JSON for each measurement, in a file that only grows.
package samples

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// File is the name of the file, and SetupFile that of the setup beside it.
const (
	File      = "samples.jsonl"
	SetupFile = "setup.json"
)

// Setup is what all samples of a folder have in common.
type Setup struct {
	// Version is that of inroads, Binary the SHA-256 of the program under test.
	Version string `json:"version"`
	Binary  string `json:"binary"`
	// KubernetesVersion and NodeImage are those of the clusters.
	KubernetesVersion string `json:"kubernetesVersion"`
	NodeImage         string `json:"nodeImage"`
	// ArchiveBytes and UnpackedBytes are the sizes of the node image.
	ArchiveBytes  int64 `json:"archiveBytes"`
	UnpackedBytes int64 `json:"unpackedBytes"`
	// Machine is what it was measured on.
	Machine Machine `json:"machine"`
	// Procs is how many processes ran specs side by side, of each program.
	Procs int `json:"procs"`
}

// Machine is a computer.
type Machine struct {
	Processors int    `json:"processors"`
	Model      string `json:"model"`
	// Memory is in bytes.
	Memory uint64 `json:"memory"`
	Kernel string `json:"kernel"`
}

// MemoryGiB is the memory in GiB.
func (m Machine) MemoryGiB() float64 { return float64(m.Memory) / (1 << 30) }

// Sample is one measurement.
type Sample struct {
	Time time.Time `json:"time"`
	// Experiment and Arm are what was measured.
	Experiment string `json:"experiment"`
	Arm        string `json:"arm"`
	// Round counts from 1; 0 is a warm-up, which counts for nothing.
	Round int `json:"round"`
	// Load is the machine's load average over 1, 5 and 15 minutes, before the round.
	Load [3]float64 `json:"load"`
	// Values are the measurements, by names that end in their unit.
	Values map[string]float64 `json:"values"`
	// Specs are the single specs or claims.
	Specs []Spec `json:"specs,omitempty"`
	// Counts are numbers of things by kind, such as requests.
	Counts map[string]map[string]int `json:"counts,omitempty"`
	// Failure is why this is no measurement, or "".
	Failure string `json:"failure,omitempty"`
}

// Spec is one spec of a run, or one claim.
type Spec struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// State is passed, failed or skipped, and Why says why it is not passed.
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
}

// States of a spec.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// Log is the file of a folder, open for more.
type Log struct {
	dir string
	all []Sample
}

// Open reads what the folder has, and makes the folder when it is absent. It
// returns an error when the samples that are there are of another setup.
func Open(dir string, setup Setup) (*Log, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("keeping samples: %w", err)
	}
	there, all, err := Load(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		data, err := json.MarshalIndent(setup, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, SetupFile), append(data, '\n'), 0o644)
		}
		if err != nil {
			return nil, fmt.Errorf("keeping samples: %w", err)
		}
	case err != nil:
		return nil, err
	case there != setup:
		return nil, fmt.Errorf("adding to the samples in %q: they are of another program, node image or machine; give another folder with --artifacts", dir)
	}
	l := &Log{dir: dir, all: all}
	// What a killed benchmark left of a line ends here.
	if err := l.append(nil); err != nil {
		return nil, fmt.Errorf("keeping samples: %w", err)
	}
	return l, nil
}

// Load reads the samples of a folder. A line that is not whole, as a benchmark leaves
// it that is killed, is left out.
func Load(dir string) (Setup, []Sample, error) {
	var setup Setup
	data, err := os.ReadFile(filepath.Join(dir, SetupFile))
	if err == nil {
		err = json.Unmarshal(data, &setup)
	}
	if err != nil {
		return setup, nil, fmt.Errorf("reading samples: %w", err)
	}
	file, err := os.Open(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return setup, nil, nil
	}
	if err != nil {
		return setup, nil, fmt.Errorf("reading samples: %w", err)
	}
	defer file.Close()
	var all []Sample
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var s Sample
		if json.Unmarshal(lines.Bytes(), &s) == nil {
			all = append(all, s)
		}
	}
	if err := lines.Err(); err != nil {
		return setup, nil, fmt.Errorf("reading samples: %w", err)
	}
	return setup, all, nil
}

const longestLine = 16 << 20

// All returns the samples, oldest first.
func (l *Log) All() []Sample { return l.all }

// Add appends one sample, which is on the disk when it returns.
func (l *Log) Add(s Sample) error {
	line, err := json.Marshal(s)
	if err == nil {
		err = l.append(line)
	}
	if err != nil {
		return fmt.Errorf("keeping a sample: %w", err)
	}
	l.all = append(l.all, s)
	return nil
}

func (l *Log) append(line []byte) (err error) {
	file, err := os.OpenFile(filepath.Join(l.dir, File), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(append(line, '\n')); err != nil {
		return err
	}
	return file.Sync()
}
