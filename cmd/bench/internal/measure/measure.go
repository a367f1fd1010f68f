// Package measure runs the experiments of the benchmark: the arms of each in turn,
// round after round, so that what the machine does meanwhile falls on all of them.
package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/meter"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

// Options say what to measure.
type Options struct {
	// Rounds is how often each arm is measured.
	Rounds int
	// Figures are the letters of those that are wanted.
	Figures []string
	// Artifacts is the folder of all that is measured, absolute.
	Artifacts string
	// Inroads is the path of the program under test, absolute.
	Inroads string
	// Meter is the path of the program that runs it and others, absolute.
	Meter string
	// CacheDir is the cache folder of inroads.
	CacheDir string
	// Image is the node image of all clusters.
	Image nodeimage.Image
	// Procs is how many processes run specs side by side.
	Procs int
	// FromNothing has the node image built in an empty cache too.
	FromNothing bool
	// Matrix is whether the artifacts have a fault matrix already.
	Matrix bool
	// Log gets a line per event.
	Log io.Writer
}

// wants is whether one of the figures is wanted.
func (o Options) wants(figures ...string) bool {
	return slices.ContainsFunc(figures, func(f string) bool { return slices.Contains(o.Figures, f) })
}

// Experiments and arms, as samples name them.
const (
	Warm    = "warm"
	Made    = "made"
	Cost    = "cost"
	Faults  = "faults"
	Nothing = "nothing"

	// ArmFloor is what kind costs, ArmInroads a run that makes its own cluster.
	ArmFloor   = "floor"
	ArmInroads = "inroads"
	// ArmUpstream are upstream's specs, ArmPairs the claims that they are compared
	// with, ArmTen ten claims.
	ArmUpstream = "upstream"
	ArmPairs    = "pairs"
	ArmTen      = "ten"
	// ArmList and the next are single commands.
	ArmList   = "list"
	ArmDoctor = "doctor"
	ArmDryRun = "dry-run"
	ArmOne    = "one-claim"
	// ArmMatrix is a fault matrix, and ArmImage the build of a node image.
	ArmMatrix = "matrix"
	ArmImage  = "image"
)

// ArmCore is the core profile in so many processes.
func ArmCore(procs int) string { return "core-" + strconv.Itoa(procs) }

// Processes are those that the core profile is run with.
var Processes = []int{1, 2, 4, 8}

// MatrixDir is the folder of the fault matrix, below the artifacts.
const MatrixDir = "faults"

// arm is one thing to measure.
type arm struct {
	name string
	// guess is how long it takes, until that is known.
	guess time.Duration
	run   func(ctx context.Context, dir string) (samples.Sample, error)
}

// experiment is arms that take turns.
type experiment struct {
	name string
	arms []arm
	// most bounds the rounds; 0 does not.
	most int
	// warmUp is the arm that is run once before, uncounted, or "".
	warmUp string
	// guess is how long setting up and tearing down take.
	guess time.Duration
	// setUp returns what tears down, nil where there is nothing to.
	setUp func(ctx context.Context) (func(context.Context) error, error)
}

// rounds is how many there are to be of the experiment.
func (e experiment) rounds(o Options) int {
	if e.most > 0 {
		return min(e.most, o.Rounds)
	}
	return o.Rounds
}

// bench is one benchmark.
type bench struct {
	Options
	log    *samples.Log
	engine *engine.Engine
	// took is how long each arm took, by experiment and arm.
	took map[string][]time.Duration
}

// Run measures, and adds each measurement to the log as it comes. Rounds that are
// whole there already are not measured again. What was made is removed however it
// ends. An arm that fails is a sample that says so, and no error.
func Run(ctx context.Context, o Options, log *samples.Log) (err error) {
	b := &bench{Options: o, log: log, took: map[string][]time.Duration{}}
	for _, s := range log.All() {
		b.took[s.Experiment+s.Arm] = append(b.took[s.Experiment+s.Arm], time.Duration(s.Values[valueWhole]*float64(time.Second)))
	}
	todo := slices.DeleteFunc(b.experiments(), func(e experiment) bool { return len(e.arms) == 0 || len(b.open(e)) == 0 })
	if len(todo) == 0 {
		b.logf("all rounds are measured")
		return nil
	}
	b.logf("measuring takes about %s", b.left(0, append([]experiment{{}}, todo...)).Round(time.Minute))
	b.engine, err = engine.Ensure(ctx, engine.Options{CacheDir: o.CacheDir, Log: o.Log})
	if err != nil {
		return err
	}
	defer func() {
		clean, cancel := cleanUp(ctx)
		defer cancel()
		err = errors.Join(err, b.engine.Release(clean), kind.StopUnused(clean, o.CacheDir, o.Log))
	}()
	for i := range todo {
		if err := b.experiment(ctx, todo, i); err != nil {
			return fmt.Errorf("measuring %q: %w", todo[i].name, err)
		}
	}
	return nil
}

// cleanUpTime bounds the removal of what was made.
const cleanUpTime = 5 * time.Minute

func cleanUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
}

// open are the rounds that are not whole yet, in their order.
func (b *bench) open(e experiment) (rounds []int) {
	for round := 1; round <= e.rounds(b.Options); round++ {
		whole := !slices.ContainsFunc(e.arms, func(a arm) bool {
			return !slices.ContainsFunc(b.log.All(), func(s samples.Sample) bool {
				return s.Experiment == e.name && s.Arm == a.name && s.Round == round && s.Failure == ""
			})
		})
		if !whole {
			rounds = append(rounds, round)
		}
	}
	return rounds
}

func (b *bench) experiment(ctx context.Context, todo []experiment, at int) (err error) {
	e := todo[at]
	if err := context.Cause(ctx); err != nil {
		return err
	}
	b.logf("%s: setting up", e.name)
	tearDown, err := e.setUp(ctx)
	if tearDown != nil {
		defer func() {
			clean, cancel := cleanUp(ctx)
			defer cancel()
			err = errors.Join(err, tearDown(clean))
		}()
	}
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(e.arms, func(a arm) bool { return a.name == e.warmUp }); i >= 0 {
		if err := b.measure(ctx, e, e.arms[i], 0); err != nil {
			return err
		}
	}
	rounds := b.open(e)
	for n, round := range rounds {
		b.logf("%s: round %d of %d; about %s left", e.name, round, e.rounds(b.Options), b.left(len(rounds)-n, todo[at:]).Round(time.Minute))
		for _, a := range e.arms {
			if err := b.measure(ctx, e, a, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// valueWhole is how long an arm took with all that belongs to it.
const valueWhole = "wholeSeconds"

// measure runs an arm once. Its error is that of the benchmark, which then ends.
func (b *bench) measure(ctx context.Context, e experiment, a arm, round int) error {
	dir := filepath.Join(b.Artifacts, "runs", fmt.Sprintf("%s-%s-%d", e.name, a.name, round))
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	load, err := loadAverage()
	if err != nil {
		return err
	}
	started := time.Now()
	s, err := a.run(ctx, dir)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	whole := time.Since(started)
	if err != nil {
		s.Failure = err.Error()
	}
	if s.Values == nil {
		s.Values = map[string]float64{}
	}
	s.Values[valueWhole] = whole.Seconds()
	s.Time, s.Experiment, s.Arm, s.Round, s.Load = started.UTC(), e.name, a.name, round, load
	b.took[e.name+a.name] = append(b.took[e.name+a.name], whole)
	what := "took " + whole.Round(time.Millisecond).String()
	if s.Failure != "" {
		what = "failed: " + s.Failure
	}
	b.logf("%s: round %d: %s: %s (load %.2f)", e.name, round, a.name, what, load[0])
	return b.log.Add(s)
}

// left is how long so many rounds of the first experiment take, and all of the next.
func (b *bench) left(rounds int, todo []experiment) (sum time.Duration) {
	for i, e := range todo {
		if i > 0 {
			rounds = len(b.open(e))
			sum += e.guess
		}
		for _, a := range e.arms {
			one := a.guess
			if took := b.took[e.name+a.name]; len(took) > 0 {
				one = took[len(took)-1]
			}
			sum += one * time.Duration(rounds)
			if i > 0 && a.name == e.warmUp {
				sum += one
			}
		}
	}
	return sum
}

// loadScale is the unit of the kernel's load averages.
const loadScale = 1 << 16

// loadAverage is the machine's over 1, 5 and 15 minutes.
func loadAverage() (load [3]float64, err error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return load, fmt.Errorf("reading the load of the machine: %w", err)
	}
	for i, l := range info.Loads {
		load[i] = float64(l) / loadScale
	}
	return load, nil
}

func (b *bench) logf(format string, args ...any) { fmt.Fprintf(b.Log, "bench: "+format+"\n", args...) }

// inroads runs the program under test, and returns what it took. Its output is in
// the folder.
func (b *bench) inroads(ctx context.Context, dir string, env []string, args ...string) (samples.Sample, error) {
	return b.program(ctx, dir, meter.Command{Args: append([]string{b.Inroads}, args...), Env: env})
}

// outputFile is what a program printed, below the folder of its run.
const outputFile = "output.log"

func (b *bench) program(ctx context.Context, dir string, c meter.Command) (s samples.Sample, err error) {
	out, err := os.Create(filepath.Join(dir, outputFile))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	c.Output = out
	u, err := meter.Run(ctx, b.Meter, c)
	if err != nil {
		return s, err
	}
	s.Values = map[string]float64{
		"seconds": u.Seconds, "cpuSeconds": u.CPUSeconds, "maxRSSBytes": float64(u.MaxRSS), "floorRSSBytes": float64(u.Floor), "exit": float64(u.Exit),
	}
	return s, nil
}
