// Package peer has upstream's end-to-end tests, which a benchmark compares inroads
// with: how they are built, run and read, and which of their specs proves what a
// claim proves.
package peer

import (
	"context"
	"embed"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2/reporters"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/meter"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

//go:embed pins
var pins embed.FS

// pinsOf are the go.mod and go.sum by which the tests of that Kubernetes version
// are built.
func pinsOf(version string) (fs.FS, error) {
	exact, err := nodeimage.Resolve(version)
	if err != nil {
		return nil, err
	}
	folder := path.Join("pins", exact)
	if _, err := fs.Stat(pins, folder); err != nil {
		return nil, fmt.Errorf("upstream's tests of Kubernetes %s are not pinned", exact)
	}
	return fs.Sub(pins, folder)
}

// Build returns upstream's tests of the version, which it compiles unless they are
// in the cache.
func Build(ctx context.Context, o nodeimage.Options) (nodeimage.E2E, error) {
	from, err := pinsOf(o.KubernetesVersion)
	if err != nil {
		return nodeimage.E2E{}, err
	}
	return nodeimage.BuildE2E(ctx, o, from)
}

// Lookup tells what Build would return, and whether it is in the cache.
func Lookup(ctx context.Context, o nodeimage.Options) (nodeimage.E2E, bool, error) {
	from, err := pinsOf(o.KubernetesVersion)
	if err != nil {
		return nodeimage.E2E{}, false, err
	}
	return nodeimage.LookupE2E(ctx, o, from)
}

// Prepare puts the image of upstream's pods onto the nodes.
func Prepare(ctx context.Context, ref cluster.Ref, e nodeimage.E2E) error {
	return kind.ImportImages(ctx, ref, e.Addon)
}

// Command runs the specs of Focus on the cluster, in so many processes, with the
// report in the folder, which is there.
func Command(e nodeimage.E2E, ref cluster.Ref, procs int, dir string) meter.Command {
	return meter.Command{
		Args: []string{
			e.Ginkgo, "--procs=" + strconv.Itoa(procs), "--no-color", "--focus=" + Focus, e.Test, "--",
			"--provider=skeleton", "--kubeconfig=" + ref.Kubeconfig, "--context=" + ref.Context, "--kubectl-path=" + ref.Kubectl,
			"--report-dir=" + dir, "--disable-log-dump",
		},
		Dir: dir,
		// It leaves files there, and its kubectl would in the user's home.
		Env: []string{"TMPDIR=" + dir, "KUBECACHEDIR=" + filepath.Join(dir, "kube-cache")},
	}
}

// Report reads what a run of Command reported.
func Report(dir string) ([]samples.Spec, error) {
	all, err := ReadJUnit(filepath.Join(dir, "junit_01.xml"))
	if err != nil {
		return nil, err
	}
	var specs []samples.Spec
	for _, s := range all {
		text, ok := strings.CutPrefix(s.Name, "[It] ")
		// Those that the focus leaves out are reported too.
		if ok && s.State != samples.Skipped {
			s.Name = text
			specs = append(specs, s)
		}
	}
	if len(specs) == 0 {
		return nil, fmt.Errorf("reading the report of upstream's tests in %q: none ran", dir)
	}
	return specs, nil
}

// ReadJUnit reads the test cases of a JUnit file, of inroads' or of Ginkgo's.
func ReadJUnit(file string) ([]samples.Spec, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a JUnit file: %w", err)
	}
	var suites reporters.JUnitTestSuites
	if err := xml.Unmarshal(data, &suites); err != nil {
		return nil, fmt.Errorf("reading JUnit file %q: %w", file, err)
	}
	var specs []samples.Spec
	for _, suite := range suites.TestSuites {
		for _, c := range suite.TestCases {
			s := samples.Spec{Name: c.Name, Seconds: c.Time, State: samples.Passed}
			switch {
			case c.Failure != nil:
				s.State, s.Why = samples.Failed, firstLine(c.Failure.Message, c.Failure.Description)
			case c.Error != nil:
				s.State, s.Why = samples.Failed, firstLine(c.Error.Message, c.Error.Description)
			case c.Skipped != nil:
				s.State, s.Why = samples.Skipped, firstLine(c.Skipped.Message)
			}
			specs = append(specs, s)
		}
	}
	if len(specs) == 0 {
		return nil, fmt.Errorf("reading JUnit file %q: %w", file, errors.New("it has no test case"))
	}
	return specs, nil
}

// longestWhy bounds what is kept of a failure.
const longestWhy = 300

func firstLine(texts ...string) string {
	for _, text := range texts {
		if line, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); line != "" {
			return line[:min(len(line), longestWhy)]
		}
	}
	return "no reason was given"
}
