// Package cli is the command line of the benchmark.
package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/figures"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/measure"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/page"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
	"github.com/inroads-k8s/inroads/reports"
)

// Exit codes.
const (
	ExitMeasured    = 0
	ExitUsage       = 2
	ExitUnable      = 3
	ExitInterrupted = 4
)

// letters are those of the figures.
var letters = []string{"a", "b", "c", "d", "e", "f", "g", "h"}

// sideBySide is how many processes run specs, of inroads as by its own default.
func sideBySide() int { return min(4, 2*runtime.NumCPU()) }

// options are what the command line says.
type options struct {
	measure.Options
	version, reportOnly, matrix string
}

// Run does what the arguments say and returns the exit code: 0 once it is
// measured, whatever the figures say.
func Run(ctx context.Context, out, problems io.Writer, args []string) int {
	var o options
	o.Log = out
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure inroads",
		Long: `Measure inroads beside what kind costs and beside upstream's end-to-end tests.

  a  make e2e over what kind costs          e  requests, pods and processor time of a run
  b  the core profile, and upstream's tests f  the core profile in 1, 2, 4 and 8 processes
  c  time to the verdict of a fault         g  the node image
  d  start-up: time and memory              h  the size of reports

What is compared takes turns, in each of the rounds. Each measurement is written
to samples.jsonl in the artifacts folder as it comes, and a benchmark that was
interrupted goes on there. The first time, upstream's tests are compiled, which
takes about ten minutes. Nothing else should run on the machine meanwhile.`,
		Example: `  bench
  bench --rounds 1 --only a,g
  bench --only c --matrix _artifacts/matrix.json
  bench --report-only _artifacts/bench`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Rounds, "rounds", 5, "how often each thing is measured")
	f.StringSliceVar(&o.Figures, "only", letters, "letters of the figures")
	f.StringVar(&o.Artifacts, "artifacts", filepath.Join("_artifacts", "bench"), "folder of what is measured")
	f.StringVar(&o.version, "kubernetes-version", "", "version of Kubernetes (default the newest that inroads builds)")
	f.StringVar(&o.Inroads, "inroads", filepath.Join("bin", "inroads"), "program to measure")
	f.StringVar(&o.matrix, "matrix", "", "matrix.json of 'inroads faults', for figure c (default a short one that is run)")
	f.BoolVar(&o.FromNothing, "from-nothing", false, "build the node image in an empty cache too, for figure g")
	f.StringVar(&o.reportOnly, "report-only", "", "write the page of the samples in this folder, and measure nothing")
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(problems)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	err := cmd.ExecuteContext(ctx)
	wrong := usageError{}
	switch {
	case err == nil:
		return ExitMeasured
	case ctx.Err() != nil:
		fmt.Fprintf(problems, "bench: interrupted: %v; what was measured is kept\n", err)
		return ExitInterrupted
	case errors.As(err, &wrong):
		fmt.Fprintf(problems, "bench: %v; 'bench --help' tells more\n", err)
		return ExitUsage
	}
	fmt.Fprintf(problems, "bench: %v\n", err)
	return ExitUnable
}

// usageError is of a command line that is wrong.
type usageError struct{ error }

func (o *options) check() error {
	if o.Rounds < 1 {
		return fmt.Errorf("--rounds is %d: give 1 or more", o.Rounds)
	}
	for _, f := range o.Figures {
		if !slices.Contains(letters, f) {
			return fmt.Errorf("there is no figure %q: there are %s", f, strings.Join(letters, ", "))
		}
	}
	if _, err := nodeimage.Resolve(o.version); err != nil {
		return err
	}
	for _, path := range []*string{&o.Artifacts, &o.Inroads} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	return nil
}

func (o *options) run(ctx context.Context) error {
	if o.reportOnly != "" {
		return o.report(o.reportOnly)
	}
	setup, err := o.prepare(ctx)
	if err != nil {
		return err
	}
	log, err := samples.Open(o.Artifacts, setup)
	if err != nil {
		return err
	}
	if o.matrix != "" {
		if err := o.takeMatrix(); err != nil {
			return err
		}
	}
	if o.Matrix, err = exists(o.matrixFile(o.Artifacts)); err != nil {
		return err
	}
	if err := measure.Run(ctx, o.Options, log); err != nil {
		// What was measured until then has a page too.
		return errors.Join(err, o.report(o.Artifacts))
	}
	return o.report(o.Artifacts)
}

// prepare finds out what is measured, and where, and builds what is missing.
func (o *options) prepare(ctx context.Context) (setup samples.Setup, err error) {
	program, err := os.ReadFile(o.Inroads)
	if err != nil {
		return setup, fmt.Errorf("reading the program to measure: %w; build it with 'make build', or give another with --inroads", err)
	}
	self, err := os.Executable()
	if err != nil {
		return setup, err
	}
	o.Meter = self + "-meter"
	if _, err := os.Stat(o.Meter); err != nil {
		return setup, fmt.Errorf("looking for the program that measures: %w; 'make bench' builds it", err)
	}
	if o.CacheDir, err = cache.Dir(); err != nil {
		return setup, err
	}
	o.Image, err = nodeimage.Build(ctx, nodeimage.Options{KubernetesVersion: o.version, CacheDir: o.CacheDir, Log: o.Log})
	if err != nil {
		return setup, err
	}
	o.Procs = sideBySide()
	sum := sha256.Sum256(program)
	machine, err := thisMachine()
	return samples.Setup{
		Version: reports.Version(), Binary: hex.EncodeToString(sum[:]), KubernetesVersion: o.Image.KubernetesVersion, NodeImage: o.Image.Ref,
		ArchiveBytes: o.Image.Bytes, UnpackedBytes: o.Image.LayerBytes, Machine: machine, Procs: o.Procs,
	}, err
}

// model is the name of the processor in /proc/cpuinfo.
var model = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

func thisMachine() (samples.Machine, error) {
	m := samples.Machine{Processors: runtime.NumCPU(), Model: runtime.GOARCH}
	var info unix.Sysinfo_t
	var name unix.Utsname
	if err := errors.Join(unix.Sysinfo(&info), unix.Uname(&name)); err != nil {
		return m, fmt.Errorf("asking what machine this is: %w", err)
	}
	m.Memory, m.Kernel = info.Totalram*uint64(info.Unit), unix.ByteSliceToString(name.Release[:])
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := model.FindSubmatch(data); found != nil {
			m.Model = string(found[1])
		}
	}
	return m, nil
}

func (o *options) matrixFile(dir string) string {
	return filepath.Join(dir, measure.MatrixDir, reports.MatrixJSONFile)
}

// takeMatrix puts the given matrix where that of a short run would be.
func (o *options) takeMatrix() error {
	data, err := os.ReadFile(o.matrix)
	if err == nil {
		to := o.matrixFile(o.Artifacts)
		err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o644))
	}
	if err != nil {
		return fmt.Errorf("taking the fault matrix: %w", err)
	}
	return nil
}

func exists(file string) (bool, error) {
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// report writes the page of a folder, and tells its goals.
func (o *options) report(dir string) error {
	setup, all, err := samples.Load(dir)
	if err != nil {
		return err
	}
	var matrix *reports.Matrix
	data, err := os.ReadFile(o.matrixFile(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("reading the fault matrix: %w", err)
	default:
		if err := json.Unmarshal(data, &matrix); err != nil {
			return fmt.Errorf("reading the fault matrix %q: %w", o.matrixFile(dir), err)
		}
	}
	r := figures.New(setup, all, matrix)
	if err := page.Write(dir, r); err != nil {
		return err
	}
	for _, f := range r.Figures {
		for _, row := range f.Rows {
			if row.Most != nil && row.Verdict != figures.Unmeasured {
				fmt.Fprintf(o.Log, "%s. %s: %s\n", f.ID, row.Name, page.Line(row))
			}
		}
	}
	fmt.Fprintf(o.Log, "bench: %s\n", filepath.Join(dir, page.HTMLFile))
	return nil
}
