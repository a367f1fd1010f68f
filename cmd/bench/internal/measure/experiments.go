package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/peer"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
)

// Names of clusters.
const (
	warmCluster   = "bench-warm"
	costCluster   = "bench-cost"
	madeCluster   = "bench-made"
	floorCluster  = "bench-floor"
	faultsCluster = "bench-faults"
)

const (
	// oneClaim is proven without a pod.
	oneClaim = "kubectl/first-access"
	// tenClaims is how many claims the run has whose reports are weighed.
	tenClaims = 10
	// costRounds bounds the rounds of what hardly varies.
	costRounds = 3
	clusterUp  = 45 * time.Second
)

// matrixFaults are those of the bounded matrix: on the way to the API server, of a
// tool, of a backend, of DNS, of a kubelet's node, and of what a user may do.
var matrixFaults = []string{"ca-wrong", "server-port-dead", "token-garbage", "prefix-moved", "dns-down", "selector-wrong"}

// experiments are those of the figures that are wanted. One without arms is not.
func (b *bench) experiments() []experiment {
	return []experiment{b.warm(), b.cost(), b.made(), b.faults(), b.nothing()}
}

func nothingToSetUp(context.Context) (func(context.Context) error, error) { return nil, nil }

// onWarm runs claims on the warm cluster.
func (b *bench) onWarm(procs int, claims ...catalog.ID) func(context.Context, string) (samples.Sample, error) {
	return func(ctx context.Context, dir string) (samples.Sample, error) {
		return b.prove(ctx, dir, procs, claims, "--name", warmCluster, "--keep")
	}
}

// warm are the runs on a cluster that is there.
func (b *bench) warm() experiment {
	e := experiment{name: Warm, guess: clusterUp}
	var ref cluster.Ref
	var upstream nodeimage.E2E
	add := func(name string, guess time.Duration, run func(context.Context, string) (samples.Sample, error)) {
		e.arms = append(e.arms, arm{name, guess, run})
	}
	if b.wants("f") {
		for _, n := range Processes {
			add(ArmCore(n), 90*time.Second, b.onWarm(n))
		}
	}
	if core := ArmCore(b.Procs); b.wants("b", "h") {
		if e.warmUp = core; !slices.ContainsFunc(e.arms, func(a arm) bool { return a.name == core }) {
			add(core, time.Minute, b.onWarm(b.Procs))
		}
	} else if b.wants("f") {
		e.warmUp = ArmCore(slices.Max(Processes))
	}
	if b.wants("b") {
		// First, for upstream's tests do not wait until what they made is gone.
		add(ArmPairs, 15*time.Second, b.onWarm(b.Procs, peer.Claims()...))
		add(ArmUpstream, 50*time.Second, func(ctx context.Context, dir string) (samples.Sample, error) {
			s, err := b.program(ctx, dir, peer.Command(upstream, ref, b.Procs, dir))
			if err == nil {
				s.Specs, err = peer.Report(dir)
			}
			return s, err
		})
	}
	if b.wants("h") {
		add(ArmTen, 10*time.Second, b.onWarm(b.Procs, spread(harness.Options{}.Selected(), tenClaims)...))
	}
	if b.wants("d") {
		command := func(name string, args func() []string) {
			add(name, time.Second, func(ctx context.Context, dir string) (samples.Sample, error) {
				s, err := b.inroads(ctx, dir, nil, args()...)
				return s, errors.Join(err, mustExit(s, 0))
			})
		}
		command(ArmList, func() []string { return []string{"list"} })
		command(ArmDoctor, func() []string { return []string{"doctor", "--kubeconfig", ref.Kubeconfig, "--context", ref.Context} })
		command(ArmDryRun, func() []string { return []string{"run", "--dry-run"} })
		add(ArmOne, 5*time.Second, b.onWarm(b.Procs, oneClaim))
	}
	e.setUp = func(ctx context.Context) (down func(context.Context) error, err error) {
		if b.wants("b") {
			if upstream, err = peer.Build(ctx, nodeimage.Options{KubernetesVersion: b.Image.KubernetesVersion, CacheDir: b.CacheDir, Log: b.Log}); err != nil {
				return nil, err
			}
		}
		if ref, down, err = b.up(ctx, warmCluster); err == nil && b.wants("b") {
			err = peer.Prepare(ctx, ref, upstream)
		}
		return down, err
	}
	return e
}

// spread are so many claims, evenly from the whole list.
func spread(claims []catalog.Claim, n int) (out []catalog.ID) {
	for i := range min(n, len(claims)) {
		out = append(out, claims[i*len(claims)/n].ID)
	}
	return out
}

// prove runs claims, none for the core profile, and reads what the run reports. Any
// verdict is one; a run without verdicts is a failure.
func (b *bench) prove(ctx context.Context, dir string, procs int, claims []catalog.ID, args ...string) (samples.Sample, error) {
	args = append([]string{"run", "--artifacts", dir, "--procs", strconv.Itoa(procs), "--kubernetes-version", b.Image.KubernetesVersion}, args...)
	for _, c := range claims {
		args = append(args, "--claim", string(c))
	}
	s, err := b.inroads(ctx, dir, nil, args...)
	if err != nil {
		return s, err
	}
	r, err := reports.Load(dir)
	switch {
	case err != nil:
		return s, err
	case r.Setup != nil:
		return s, fmt.Errorf("%s: %s", r.Setup.Stage, r.Setup.Message)
	case r.Result == reports.Unfinished:
		return s, fmt.Errorf("the run did not finish; see %s", filepath.Join(dir, outputFile))
	}
	s.Values["claims"], s.Values["proven"] = float64(r.Summary.Total()), float64(r.Summary.Proven)
	for _, name := range ReportFiles {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return s, err
		}
		s.Values[name+"Bytes"] = float64(info.Size())
	}
	s.Specs, err = peer.ReadJUnit(filepath.Join(dir, reports.JUnitFile))
	return s, err
}

// ReportFiles are the reports that are weighed.
var ReportFiles = []string{reports.JUnitFile, reports.JSONFile, reports.HTMLFile, reports.MarkdownFile}

// up makes a cluster that the program under test may take, and returns what
// removes it, nil where there is none.
func (b *bench) up(ctx context.Context, name string, args ...string) (cluster.Ref, func(context.Context) error, error) {
	down := func(ctx context.Context) error { return kind.Down(ctx, b.CacheDir, name, b.Log) }
	dir := filepath.Join(b.Artifacts, "runs", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cluster.Ref{}, nil, err
	}
	// By the program, for a cluster is its maker's until that has ended.
	s, err := b.inroads(ctx, dir, nil, append([]string{"cluster", "up", "--name", name, "--kubernetes-version", b.Image.KubernetesVersion}, args...)...)
	if err = errors.Join(err, mustExit(s, 0)); err != nil && ctx.Err() == nil {
		err = fmt.Errorf("making cluster %q: %w; see %s", name, err, filepath.Join(dir, outputFile))
	}
	// One that did not come up has removed itself.
	clean, cancel := cleanUp(ctx)
	defer cancel()
	all, listErr := kind.List(clean, b.CacheDir)
	i := slices.IndexFunc(all, func(c kind.Listed) bool { return c.Name == name })
	switch {
	case i < 0 && err == nil:
		return cluster.Ref{}, nil, errors.Join(fmt.Errorf("cluster %q is not there after it was made", name), listErr)
	case i < 0:
		return cluster.Ref{}, nil, err
	}
	return all[i].Ref, down, err
}

// mustExit returns an error for any other exit code.
func mustExit(s samples.Sample, codes ...int) error {
	if code := int(s.Values["exit"]); s.Values != nil && !slices.Contains(codes, code) {
		return fmt.Errorf("exit code %d", code)
	}
	return nil
}

// readiness is what a run says of the cluster that it made.
var readiness = regexp.MustCompile(`(?m)^cluster: cluster "[^"]*" is ready: .* made in (\S+), ready (\S+) later$`)

// made are runs that make their own cluster, against what kind costs.
func (b *bench) made() experiment {
	e := experiment{name: Made, setUp: nothingToSetUp}
	if !b.wants("a", "g") {
		return e
	}
	if !b.wants("b", "e", "f", "h") {
		// What a first run installs and builds is not what a warm one costs.
		e.warmUp = ArmInroads
	}
	e.arms = []arm{
		{ArmFloor, 40 * time.Second, b.floor},
		{ArmInroads, 100 * time.Second, func(ctx context.Context, dir string) (samples.Sample, error) {
			s, err := b.prove(ctx, dir, b.Procs, nil, "--name", madeCluster)
			if err != nil {
				return s, err
			}
			made, err := readyAfter(filepath.Join(dir, outputFile))
			s.Values["createSeconds"] = made.Seconds()
			return s, err
		}},
	}
	return e
}

// readyAfter reads how long it took until the nodes of the run were ready.
func readyAfter(file string) (time.Duration, error) {
	out, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	found := readiness.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("%s does not say when the cluster was ready", file)
	}
	made, err := time.ParseDuration(string(found[1]))
	later, err2 := time.ParseDuration(string(found[2]))
	return made + later, errors.Join(err, err2)
}

// floor is what kind takes for the same cluster, and one pod on it.
func (b *bench) floor(ctx context.Context, dir string) (s samples.Sample, err error) {
	out, err := os.Create(filepath.Join(dir, outputFile))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	o, err := harness.KindOptions(harness.Options{ClusterName: floorCluster, KubernetesVersion: b.Image.KubernetesVersion}, b.CacheDir, out)
	if err != nil {
		return s, err
	}
	o.Engine = b.engine
	p, err := kind.New(ctx, o)
	if err != nil {
		return s, err
	}
	ref, create, err := p.CreateBare(ctx, floorWait)
	if err != nil {
		return s, err
	}
	pod, err := startPod(ctx, ref)
	clean, cancel := cleanUp(ctx)
	defer cancel()
	remove, err2 := p.DeleteBare(clean)
	s.Values = map[string]float64{
		"createSeconds": create.Seconds(), "podSeconds": pod.Seconds(), "deleteSeconds": remove.Seconds(), "seconds": (create + pod + remove).Seconds(),
	}
	return s, errors.Join(err, err2)
}

// faults is a bounded fault matrix, for want of a whole one.
func (b *bench) faults() experiment {
	e := experiment{name: Faults, most: 1, setUp: nothingToSetUp}
	if !b.wants("c") || b.Matrix {
		return e
	}
	e.arms = []arm{{ArmMatrix, 4 * time.Minute, func(ctx context.Context, dir string) (samples.Sample, error) {
		s, err := b.inroads(ctx, dir, nil, "faults", "--name", faultsCluster, "--kubernetes-version", b.Image.KubernetesVersion, "--healthy", "0",
			"--fault", strings.Join(matrixFaults, ","), "--procs", strconv.Itoa(b.Procs), "--artifacts", filepath.Join(b.Artifacts, MatrixDir))
		// A matrix in which something is wrong is one.
		return s, errors.Join(err, mustExit(s, 0, 1))
	}}}
	return e
}

// nothing is the build of the node image where nothing is there.
func (b *bench) nothing() experiment {
	e := experiment{name: Nothing, most: 1}
	if !b.FromNothing || !b.wants("g") {
		return e
	}
	var empty string
	e.setUp = func(context.Context) (func(context.Context) error, error) {
		var err error
		empty, err = os.MkdirTemp(b.CacheDir, "bench-")
		return func(context.Context) error { return removeAll(empty) }, err
	}
	e.arms = []arm{{ArmImage, 9 * time.Minute, func(ctx context.Context, dir string) (samples.Sample, error) {
		var env []string
		for _, name := range []string{"INROADS_CACHE", "GOCACHE", "GOMODCACHE"} {
			env = append(env, name+"="+filepath.Join(empty, strings.ToLower(name)))
		}
		s, err := b.inroads(ctx, dir, env, "node-image", "build", "--kubernetes-version", b.Image.KubernetesVersion)
		return s, errors.Join(err, mustExit(s, 0))
	}}}
	return e
}

// removeAll removes also what Go's module cache has made unwritable.
func removeAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	return errors.Join(err, os.RemoveAll(dir))
}
